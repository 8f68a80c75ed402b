/* System calls of a process that fail at the wanted one: preload it, with STEPS naming the counter.
 *
 * What is counted are writes to files, and what makes them last or moves them; see steps.py for the counter.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { NO_SPACE, BROKEN, INTERRUPTED, SHORT };

static struct steps {
  _Atomic int wanted, count, hit;
  int kind;
} *steps;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("STEPS");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof *steps, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) steps = map;
}

static int is_it(void) {
  if (!steps || !steps->wanted) return 0;
  if (atomic_fetch_add(&steps->count, 1) + 1 != steps->wanted) return 0;
  steps->hit = 1;
  return 1;
}

/* Not what is printed, nor a socket. */
static int is_file(int fd) {
  struct stat found;
  return fd > 2 && !fstat(fd, &found) && S_ISREG(found.st_mode);
}

static int fail(void) {
  static const int number[] = {ENOSPC, EIO, EINTR, ENOSPC};
  errno = number[steps->kind];
  return -1;
}

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *from, size_t size) {
  REAL(write);
  if (!is_file(fd) || !is_it()) return real(fd, from, size);
  return steps->kind == SHORT && size > 1 ? real(fd, from, size / 2) : fail();
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
  REAL(pwrite);
  if (!is_file(fd) || !is_it()) return real(fd, from, size, at);
  return steps->kind == SHORT && size > 1 ? real(fd, from, size / 2, at) : fail();
}

ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
  REAL(pwrite64);
  if (!is_file(fd) || !is_it()) return real(fd, from, size, at);
  return steps->kind == SHORT && size > 1 ? real(fd, from, size / 2, at) : fail();
}

int fsync(int fd) {
  REAL(fsync);
  return is_it() ? fail() : real(fd);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return is_it() ? fail() : real(fd);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  return is_it() ? fail() : real(from, to);
}

int link(const char *from, const char *to) {
  REAL(link);
  return is_it() ? fail() : real(from, to);
}

int linkat(int fromfd, const char *from, int tofd, const char *to, int flags) {
  REAL(linkat);
  return is_it() ? fail() : real(fromfd, from, tofd, to, flags);
}
