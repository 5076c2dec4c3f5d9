// What a header declares is one thing in all of a program: compiled with -fvisibility=hidden, a shared library and its
// user would each have state of their own, a tape that records for instance, without a word.
#pragma once

#define UNROLL_PUBLIC [[gnu::visibility("default")]]
