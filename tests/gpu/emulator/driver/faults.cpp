// The emulated driver: what a kernel that reads or writes where it must not is told before the process ends.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "driver.h"

namespace driver {

static struct sigaction before_segv, before_bus, before_ill;

static void on_fault(int signal, siginfo_t *info, void *context) {
    Address address = reinterpret_cast<Address>(info->si_addr);
    std::string where = describe_running();
    std::string what = signal == SIGILL ? "misaligned access (or a trap)" : describe_address(address);
    if (!where.empty() || (signal != SIGILL && !what.empty())) {
        if (where.empty()) where = "the host";
        if (what.empty()) what = address ? "an address of no allocation" : "a null pointer";
        // No fprintf: the stack of a signal may be small.
        static char text[600];
        int length = snprintf(text, sizeof text, "emulator: %s: illegal access at %p: %s\n", where.c_str(),
                              info->si_addr, what.c_str());
        if (write(2, text, length) < 0) _exit(1);
        abort();
    }
    const struct sigaction &before = signal == SIGSEGV ? before_segv : signal == SIGBUS ? before_bus : before_ill;
    if (before.sa_flags & SA_SIGINFO) return before.sa_sigaction(signal, info, context);
    // Happens again, without us.
    sigaction(signal, &before, nullptr);
}

void catch_faults() {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
    sigaction(SIGILL, &action, &before_ill);
}

}  // namespace driver
