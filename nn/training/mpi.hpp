#pragma once

#include <mpi.h>

#include "parallel.hpp"

namespace UNROLL_PUBLIC unroll {
namespace nn {

/// The ranks that mpirun has started, or one alone, from MPI_Init to MPI_Finalize: a program makes one object of it,
/// and is linked to unroll::mpi, which is there with UNROLL_MPI. At most 2³¹ − 1 elements go at once.
class MPIRanks final : public Ranks {
 public:
  MPIRanks() {
    int provided;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  }
  ~MPIRanks() override { MPI_Finalize(); }
  std::size_t rank() const override { return number(MPI_Comm_rank); }
  std::size_t count() const override { return number(MPI_Comm_size); }
  void join(std::span<std::uint8_t> bytes) override { reduce(bytes, MPI_UINT8_T, MPI_BOR); }
  void sum(std::span<float> numbers) override { reduce(numbers, MPI_FLOAT, MPI_SUM); }
  void sum(std::span<double> numbers) override { reduce(numbers, MPI_DOUBLE, MPI_SUM); }
  void send(std::span<const std::byte> bytes, std::size_t to) override {
    MPI_Isend(bytes.data(), int(bytes.size()), MPI_BYTE, int(to), 0, MPI_COMM_WORLD, &sending_.emplace_back());
  }
  void receive(std::span<std::byte> bytes, std::size_t from) override {
    MPI_Recv(bytes.data(), int(bytes.size()), MPI_BYTE, int(from), 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
  void wait() override {
    MPI_Waitall(int(sending_.size()), sending_.data(), MPI_STATUSES_IGNORE);
    sending_.clear();
  }
  void broadcast(std::span<std::byte> bytes, std::size_t from) override {
    MPI_Bcast(bytes.data(), int(bytes.size()), MPI_BYTE, int(from), MPI_COMM_WORLD);
  }
  void abort() override { MPI_Abort(MPI_COMM_WORLD, 2); }

 private:
  static std::size_t number(int (*ask)(MPI_Comm, int*)) {
    int answer;
    ask(MPI_COMM_WORLD, &answer);
    return std::size_t(answer);
  }
  template <class Element> void reduce(std::span<Element> elements, MPI_Datatype type, MPI_Op operation) {
    MPI_Allreduce(MPI_IN_PLACE, elements.data(), int(elements.size()), type, operation, MPI_COMM_WORLD);
  }
  std::vector<MPI_Request> sending_;
};

}  // namespace nn
}  // namespace unroll
