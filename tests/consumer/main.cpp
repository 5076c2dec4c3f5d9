bool engine();
bool layers();
bool learning();
bool vocabulary();
bool state();
bool names();

int main() { return engine() && layers() && learning() && vocabulary() && state() && names() ? 0 : 1; }
