bool engine();
bool layers();
bool vocabulary();

int main() { return engine() && layers() && vocabulary() ? 0 : 1; }
