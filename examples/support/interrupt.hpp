#pragma once

/// While it lives, the first Ctrl-C only asks for the end; the second one does not wait for it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  /// Whether it was pressed while the last one lived.
  static bool pressed();
};
