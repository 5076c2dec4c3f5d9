// What a program calls its own header is not taken for one of the library.
#error "the library includes a header of the program"
