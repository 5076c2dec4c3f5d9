#include "atomic_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>
#include <system_error>

#include "../../autograd/error.hpp"

namespace unroll::nn {
namespace {

namespace fs = std::filesystem;

void require_written(bool holds, const std::string& path) {
  if (!holds) fail(path, "cannot be written: ", std::generic_category().message(errno ? errno : EIO));
}

struct Descriptor {
  int number;
  explicit Descriptor(int number) : number(number) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

std::string temporary_prefix(const fs::path& target) { return target.filename().string() + ".tmp-"; }

// A file of this process alone, removed unless it was renamed. It is locked as long as it is written.
struct Temporary {
  std::string path;
  Descriptor file;
  bool renamed = false;

  explicit Temporary(const fs::path& target) : file(create(target)) {}
  ~Temporary() {
    if (file.number >= 0 && !renamed) ::unlink(path.c_str());
  }

 private:
  int create(const fs::path& target) {
    static std::atomic<unsigned> count = 0;
    while (true) {
      path = target.parent_path() /
             (temporary_prefix(target) + std::to_string(::getpid()) + "-" + std::to_string(count++));
      const int number = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (number < 0 && errno == EEXIST) continue;
      if (number < 0 || (lock(number) && is_linked(number))) return number;
      ::close(number);
    }
  }
  // False only if another has the lock: some file systems have none.
  static bool lock(int file) { return ::flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }
  // A process that cannot see this one, in another container, may have removed the file before it was locked.
  static bool is_linked(int file) {
    struct stat status;
    return ::fstat(file, &status) != 0 || status.st_nlink > 0;
  }
};

// The process that a temporary file of the target is named by, 0 if it is none.
pid_t writer_of(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return 0;
  pid_t process = 0;
  unsigned count = 0;
  const char* const end = name.data() + name.size();
  const char* const dash = std::from_chars(name.data() + prefix.size(), end, process).ptr;
  if (dash == end || *dash != '-') return 0;
  const auto [stop, error] = std::from_chars(dash + 1, end, count);
  return stop == end && error == std::errc() ? process : 0;
}

// Removes what processes left that are gone. Where a folder is shared, a process of another machine or container looks
// as if it were gone; the lock tells that it is there. (A std::filesystem::directory_iterator without memory
// terminates.)
void remove_abandoned(const fs::path& target) {
  const std::string prefix = temporary_prefix(target);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(target.parent_path().c_str()), ::closedir);
  while (const dirent* const entry = directory ? ::readdir(directory.get()) : nullptr) {
    const pid_t process = writer_of(entry->d_name, prefix);
    if (process <= 0 || ::kill(process, 0) == 0 || errno != ESRCH) continue;
    const int folder = ::dirfd(directory.get());
    const Descriptor file(::openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.number >= 0 && ::flock(file.number, LOCK_EX | LOCK_NB) == 0) ::unlinkat(folder, entry->d_name, 0);
  }
}

// While it lives, a write beyond the limit of a file's size fails in this thread; otherwise it would end the process.
class NoSizeSignal {
 public:
  NoSizeSignal() {
    ::sigemptyset(&signal_);
    ::sigaddset(&signal_, SIGXFSZ);
    sigset_t pending;
    ::sigpending(&pending);
    waited_ = ::sigismember(&pending, SIGXFSZ) == 1;
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  NoSizeSignal(const NoSizeSignal&) = delete;
  ~NoSizeSignal() {
    const int error = errno;
    constexpr timespec now = {0, 0};
    if (!waited_) ::sigtimedwait(&signal_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }

 private:
  sigset_t signal_, before_;
  bool waited_;  // one that is somebody else's
};

}  // namespace

void write_atomically(const std::string& path, const std::function<void(std::ostream&)>& write) {
  std::error_code error;
  const fs::path target = fs::weakly_canonical(fs::absolute(path, error), error);
  require(!error, path, "cannot be written: ", error.message());
  const fs::file_status old = fs::status(target, error);
  require(!fs::exists(old) || fs::is_regular_file(old), path, "cannot be written: it is not a regular file");

  const Descriptor directory(::open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  require_written(directory.number >= 0, path);
  remove_abandoned(target);
  const NoSizeSignal no_signal;
  Temporary temporary(target);
  require_written(temporary.file.number >= 0, path);
  if (fs::exists(old)) {
    require_written(::fchmod(temporary.file.number, static_cast<mode_t>(old.permissions())) == 0, path);
  }

  errno = 0;  // so that a stream that fails without a reason does not report an old one
  std::ofstream out(temporary.path, std::ios::binary);
  if (out) write(out);
  out.close();
  require_written(!out.fail(), path);
  require_written(::fsync(temporary.file.number) == 0, path);
  require_written(::rename(temporary.path.c_str(), target.c_str()) == 0, path);
  temporary.renamed = true;
  // The name itself is durable only now; some file systems cannot flush a directory and say EINVAL.
  require_written(::fsync(directory.number) == 0 || errno == EINVAL, path);
}

}  // namespace unroll::nn
