bool engine();
bool layers();
bool vocabulary();
bool state();
bool names();

int main() { return engine() && layers() && vocabulary() && state() && names() ? 0 : 1; }
