// Expectations of the checks of the emulator.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

inline int expectations = 0, failures = 0;

__attribute__((noinline)) inline void expect(bool holds, const char *what) {
    expectations++;
    if (holds) return;
    failures++;
    fprintf(stderr, "not so: %s\n", what);
}

// `action` must end the process with a line to stderr that contains `text`.
template <typename Action> inline void expect_end(const char *text, Action action) {
    int ends[2];
    if (pipe(ends)) abort();
    fflush(stderr);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        action();
        _exit(0);
    }
    close(ends[1]);
    char said[2000];
    size_t length = 0;
    for (ssize_t more; (more = read(ends[0], said + length, sizeof said - 1 - length)) > 0;) length += more;
    said[length] = 0;
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    expect(WIFSIGNALED(status) && strstr(said, text), text);
    if (!strstr(said, text)) fprintf(stderr, "    it said: %s\n", said);
}

inline int report(const char *what) {
    printf("%s: %d expectations, %d not met\n", what, expectations, failures);
    return failures != 0;
}
