#include "nn/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "autograd/error.hpp"

namespace unroll::nn {
namespace {

namespace fs = std::filesystem;

void require_written(bool holds, const std::string& path) {
  require(holds, path, "cannot be written: ", std::generic_category().message(errno ? errno : EIO));
}

struct Descriptor {
  int number;
  explicit Descriptor(int number) : number(number) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

// A file of this process alone, removed unless it was renamed.
struct Temporary {
  std::string path;
  Descriptor file;
  bool renamed = false;

  explicit Temporary(const std::string& target) : file(create(target)) {}
  ~Temporary() {
    if (file.number >= 0 && !renamed) ::unlink(path.c_str());
  }

 private:
  int create(const std::string& target) {
    static std::atomic<unsigned> count = 0;
    int number;
    do {
      path = target + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
      number = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (number < 0 && errno == EEXIST);
    return number;
  }
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
