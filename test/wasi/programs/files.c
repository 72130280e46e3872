/* Files by way of libc: everything that a program does to a folder, said on stdout. Run in an empty folder, `.`. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *what, long result) {
  printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
}

static void list(const char *path) {
  DIR *directory = opendir(path);
  if (directory == NULL) {
    say(path, -1);
    return;
  }
  char *names[64];
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL && count < 64;) names[count++] = strdup(entry->d_name);
  closedir(directory);
  for (int i = 0; i < count; i++)
    for (int j = i + 1; j < count; j++)
      if (strcmp(names[i], names[j]) > 0) {
        char *swap = names[i];
        names[i] = names[j];
        names[j] = swap;
      }
  printf("%s:", path);
  for (int i = 0; i < count; i++) printf(" %s", names[i]);
  printf("\n");
}

static void streams(void) {
  FILE *file = fopen("a.txt", "w");
  for (int i = 0; i < 2000; i++) fprintf(file, "line %d\n", i);
  say("fclose", fclose(file));
  file = fopen("a.txt", "a+");
  fputs("appended\n", file);
  say("ftell", ftell(file));
  fseek(file, -9, SEEK_END);
  char line[64];
  fputs(fgets(line, sizeof line, file) != NULL ? line : "none\n", file == NULL ? stderr : stdout);
  rewind(file);
  int lines = 0;
  while (fgets(line, sizeof line, file) != NULL) lines++;
  say("lines", lines);
  fclose(file);
  file = fopen("a.txt", "r+");
  fseek(file, 5, SEEK_SET);
  fputs("X", file);
  fclose(file);
  file = fopen("a.txt", "r");
  printf("%s", fgets(line, sizeof line, file));
  say("fputs to a reader", fputs("x", file));
  fclose(file);
  say("fopen of nothing", fopen("none", "r") == NULL ? -1 : 0);
  say("fopen exclusively", fopen("a.txt", "wx") == NULL ? -1 : 0);
}

static void descriptors(void) {
  int fd = open("b.bin", O_RDWR | O_CREAT | O_TRUNC, 0644);
  say("write", write(fd, "0123456789", 10));
  say("pwrite", pwrite(fd, "abc", 3, 20));
  char bytes[32];
  say("pread", pread(fd, bytes, sizeof bytes, 8));
  say("lseek", lseek(fd, 5, SEEK_SET));
  say("read", read(fd, bytes, 3));
  printf("%.3s\n", bytes);
  say("ftruncate", ftruncate(fd, 7));
  struct stat status;
  fstat(fd, &status);
  say("size", status.st_size);
  say("regular", S_ISREG(status.st_mode));
  say("posix_fallocate", posix_fallocate(fd, 0, 100));
  say("lseek to the end", lseek(fd, 0, SEEK_END));
  say("lseek before the beginning", lseek(fd, -1, SEEK_SET));
  say("fsync", fsync(fd));
  say("close", close(fd));
  say("close again", close(fd));
  say("write to a closed one", write(fd, "x", 1));
  fd = open("b.bin", O_RDONLY);
  say("write to a reader", write(fd, "x", 1));
  close(fd);
  fd = open("b.bin", O_WRONLY | O_APPEND);
  say("append", write(fd, "end", 3));
  say("at", lseek(fd, 0, SEEK_CUR));
  close(fd);
}

static void folders(void) {
  say("mkdir", mkdir("d", 0755));
  say("mkdir again", mkdir("d", 0755));
  say("mkdir below", mkdir("d/e", 0755));
  say("mkdir too deep", mkdir("x/y", 0755));
  say("rmdir of a full one", rmdir("d"));
  say("rename into", rename("b.bin", "d/e/b"));
  say("rename over a directory", rename("a.txt", "d"));
  say("rename a directory", rename("d", "moved"));
  say("rename into itself", rename("moved", "moved/e/f"));
  list(".");
  list("moved");
  list("moved/e");
  list("d");
  say("chdir outside", open("../outside", O_RDONLY));
  say("an absolute path", open("/etc/passwd", O_RDONLY));
  say("a directory to write", open("moved", O_RDWR));
  say("a file as a directory", open("a.txt/x", O_RDONLY));
  say("a file with a slash", open("a.txt/", O_RDONLY));
  int directory = open("moved", O_RDONLY | O_DIRECTORY);
  int file = openat(directory, "e/b", O_RDONLY);
  char bytes[5] = {0};
  say("openat and read", read(file, bytes, 4));
  say("read a directory", read(directory, bytes, 4) < 0 ? -1 : 0);
  close(file);
  close(directory);
}

static void links(void) {
  char target[64] = {0};
  struct stat status;
  say("symlink", symlink("moved/e/b", "l"));
  say("readlink", readlink("l", target, sizeof target));
  puts(target);
  say("stat", stat("l", &status));
  say("regular", S_ISREG(status.st_mode));
  say("lstat", lstat("l", &status));
  say("link", S_ISLNK(status.st_mode));
  say("symlink to itself", symlink("loop", "loop"));
  say("open a loop", open("loop", O_RDONLY));
  say("open not following", open("l", O_RDONLY | O_NOFOLLOW));
  say("dangling", symlink("nowhere", "dangling"));
  say("open dangling", open("dangling", O_RDONLY));
  say("stat dangling", stat("dangling", &status));
  say("hard link", link("a.txt", "h"));
  stat("h", &status);
  say("links", (long)status.st_nlink);
  say("hard link again", link("a.txt", "h"));
  say("unlink", unlink("a.txt"));
  say("unlink a directory", unlink("moved"));
  say("unlink nothing", unlink("a.txt"));
  say("unlink a link", unlink("dangling"));
  list(".");
}

int main(void) {
  streams();
  descriptors();
  folders();
  links();
  fflush(stdout);
  return 7;
}
