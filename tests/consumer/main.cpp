bool engine();
bool layers();

int main() { return engine() && layers() ? 0 : 1; }
