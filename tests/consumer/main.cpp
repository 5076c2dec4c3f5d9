bool engine();
bool layers();
bool vocabulary();
bool state();

int main() { return engine() && layers() && vocabulary() && state() ? 0 : 1; }
