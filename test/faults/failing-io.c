// Lets calls of the operating system fail that concern the files of one store: preloaded into a process (LD_PRELOAD), and steered by it through a file
// that both map. All calls for names that begin with $PERDURE_IO_STORE are counted while armed; those from `first` on, `length` of them, fail.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPENS = 1, READS = 2, WRITES = 4, SYNCS = 8, CHANGES = 16, LOCKS = 32 };

struct control {
  int32_t armed;    // which kinds of calls are counted and may fail; 0: none
  int32_t first;    // the first that fails, from 1
  int32_t length;   // how many in a row
  int32_t error;    // errno
  int32_t seen;     // how many were counted
};

static struct control *control;
static char store[4096];
static unsigned char ours[65536];

#define REAL(type, name) static __typeof__(type) real; if (real == NULL) real = (__typeof__(type))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *name = getenv("PERDURE_IO_STORE"), *steering = getenv("PERDURE_IO_CONTROL");
  if (name == NULL || steering == NULL) return;
  strncpy(store, name, sizeof store - 1);
  int fd = open(steering, O_RDWR);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) control = mapped;
}

static int isOurs(const char *path) {
  return store[0] != 0 && path != NULL && strncmp(path, store, strlen(store)) == 0;
}

static int fails(int kind) {
  if (control == NULL || (control->armed & kind) == 0) return 0;
  int n = ++control->seen;
  if (n < control->first || n >= control->first + control->length) return 0;
  errno = control->error;
  return 1;
}

static int failsOn(int fd, int kind) {
  return fd >= 0 && fd < (int)sizeof ours && ours[fd] && fails(kind);
}

static int opened(int fd, const char *path) {
  if (fd >= 0 && fd < (int)sizeof ours) ours[fd] = isOurs(path);
  return fd;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    MODE(flags) \
    REAL(int (*)(const char *, int, ...), name); \
    if (isOurs(path) && fails(OPENS)) return -1; \
    return opened(real(path, flags, mode), path); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int at, const char *path, int flags, ...) { \
    MODE(flags) \
    REAL(int (*)(int, const char *, int, ...), name); \
    if (isOurs(path) && fails(OPENS)) return -1; \
    return opened(real(at, path, flags, mode), path); \
  }
OPENAT(openat)
OPENAT(openat64)

#define ON_FD(result, name, kind, parameters, arguments) \
  result name parameters { \
    REAL(result (*) parameters, name); \
    if (failsOn(fd, kind)) return -1; \
    return real arguments; \
  }
ON_FD(ssize_t, read, READS, (int fd, void *to, size_t n), (fd, to, n))
ON_FD(ssize_t, pread, READS, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
ON_FD(ssize_t, pread64, READS, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at))
ON_FD(ssize_t, write, WRITES, (int fd, const void *from, size_t n), (fd, from, n))
ON_FD(ssize_t, pwrite, WRITES, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))
ON_FD(ssize_t, pwrite64, WRITES, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at))
ON_FD(int, fsync, SYNCS, (int fd), (fd))
ON_FD(int, fdatasync, SYNCS, (int fd), (fd))
ON_FD(int, ftruncate, CHANGES, (int fd, off_t n), (fd, n))
ON_FD(int, ftruncate64, CHANGES, (int fd, off64_t n), (fd, n))

int close(int fd) {
  REAL(int (*)(int), close);
  if (fd >= 0 && fd < (int)sizeof ours) ours[fd] = 0;
  return real(fd);
}

int unlink(const char *path) {
  REAL(int (*)(const char *), unlink);
  if (isOurs(path) && fails(CHANGES)) return -1;
  return real(path);
}

// Taking a lock may fail; giving one back does not, as nothing could be done about it.
#define FCNTL(name) \
  int name(int fd, int command, ...) { \
    va_list rest; \
    va_start(rest, command); \
    void *argument = va_arg(rest, void *); \
    va_end(rest); \
    REAL(int (*)(int, int, ...), name); \
    if (command == F_SETLK && argument != NULL && ((struct flock *)argument)->l_type != F_UNLCK && failsOn(fd, LOCKS)) return -1; \
    return real(fd, command, argument); \
  }
FCNTL(fcntl)
FCNTL(fcntl64)
