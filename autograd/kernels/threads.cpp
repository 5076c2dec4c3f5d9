#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace unroll {

using namespace detail;

namespace {

// Whether `done` holds soon: to sleep and to be woken takes as long as a small job.
template <class Done> bool soon(const Done& done) {
  for (int k = 0; k < 400; ++k) {
    if (done()) return true;
    std::this_thread::yield();
  }
  return false;
}

struct Job {
  Job(std::size_t numbers, const std::function<void(std::size_t)>& function)
      : f(function), count(numbers), errors(numbers) {}

  const std::function<void(std::size_t)>& f;
  const std::size_t count;
  std::vector<std::exception_ptr> errors;
  std::atomic<std::size_t> next{0}, ended{0};

  // Takes numbers until there are none; f is not touched after the last of them has ended.
  void work() {
    const SingleThreaded alone;
    for (std::size_t k; (k = next++) < count;) {
      try {
        f(k);
      } catch (...) {
        errors[k] = std::current_exception();
      }
      if (++ended == count) ended.notify_all();
    }
  }
};

// Threads that wait for jobs. They stay, and with them the memory that each has recycled.
class Workers {
 public:
  void help(const std::shared_ptr<Job>& job, std::size_t helpers) {
    {
      const std::lock_guard lock(mutex_);
      try {
        for (; threads_ < helpers; ++threads_) std::thread([this] { run(); }).detach();
      } catch (const std::system_error&) {  // fewer threads do the same work
      }
      jobs_.insert(jobs_.end(), helpers, job);
      waiting_ = jobs_.size();
    }
    wake_.notify_all();
  }

 private:
  void run() {
    for (;;) {
      soon([&] { return waiting_ > 0; });
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return !jobs_.empty(); });
      const std::shared_ptr<Job> job = std::move(jobs_.front());
      jobs_.pop_front();
      waiting_ = jobs_.size();
      lock.unlock();
      job->work();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::atomic<std::size_t> waiting_{0};  // the number of jobs, to be read without the lock
  std::size_t threads_ = 0;
};

// Never destroyed: its threads wait until the process ends.
Workers& workers() {
  static Workers& shared = *new Workers;
  return shared;
}

}  // namespace

void in_parallel(std::size_t count, std::size_t threads, const std::function<void(std::size_t)>& f) {
  if (count == 1) return f(0);
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  threads = SingleThreaded::here() ? 1 : std::min(threads, count);
  const auto job = std::make_shared<Job>(count, f);
  if (threads > 1) workers().help(job, threads - 1);
  job->work();
  soon([&] { return job->ended == count; });
  for (std::size_t ended; (ended = job->ended) < count;) job->ended.wait(ended);
  // A thread that lets go of the job later than this one has no part in them.
  const std::vector<std::exception_ptr> errors = std::move(job->errors);
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

void detail::in_parts(std::size_t size, std::size_t unit, std::size_t threads,
                      const std::function<void(std::size_t, std::size_t)>& f) {
  const std::size_t units = (size + unit - 1) / unit;
  threads = std::min(threads, units);
  if (threads <= 1) return f(0, size);
  const auto begin = [&](std::size_t k) { return std::min(units * k / threads * unit, size); };
  in_parallel(threads, threads, [&](std::size_t k) { f(begin(k), begin(k + 1)); });
}

}  // namespace unroll
