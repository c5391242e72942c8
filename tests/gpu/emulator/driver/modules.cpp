// The emulated driver: modules (shared objects that g++ made of kernels), kernels and their launches.
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace driver {

// As `emulator::Properties` of emulated.h.
struct Properties {
    unsigned parameters, most_threads;
};
typedef void (*Launcher)(const char *name, void (*kernel)(void **), const unsigned *grid, const unsigned *block,
                         size_t shared, void **arguments);
typedef void (*Describer)(char *text, size_t size);

struct Module;

struct Kernel {
    Module *module;
    std::string name;
    void (*entry)(void **);
    Properties properties;
    int most_shared = 49152;
};

struct Module {
    void *library;
    int file;
    Launcher launch;
    Describer describe;
    std::map<std::string, std::unique_ptr<Kernel>> kernels;
};

static Module *running = nullptr;
static thread_local const char *running_name = "";

void run_named(const char *name, const Work &work) {
    running_name = name;
    work();
    running_name = "";
    check_memory(name);
}

std::string describe_running() {
    char text[240] = "";
    if (running) running->describe(text, sizeof text);
    return *text ? text : running_name;
}

// The size of a shared object that begins at `image`; 0 where it is none for this machine.
static size_t image_size(const void *image) {
    const Elf64_Ehdr *header = static_cast<const Elf64_Ehdr *>(image);
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) || header->e_type != ET_DYN) return 0;
    size_t size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
    const Elf64_Phdr *segments =
        reinterpret_cast<const Elf64_Phdr *>(static_cast<const char *>(image) + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++) {
        size = std::max<size_t>(size, segments[i].p_offset + segments[i].p_filesz);
    }
    return size;
}

static bool write_all(int file, const void *from, size_t bytes) {
    const char *at = static_cast<const char *>(from);
    while (bytes) {
        ssize_t written = write(file, at, bytes);
        if (written <= 0) return false;
        at += written;
        bytes -= written;
    }
    return true;
}

static Result open_module(Module &module, const std::string &path) {
    module.library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!module.library) {
        fprintf(stderr, "emulator: %s\n", dlerror());
        return INVALID_IMAGE;
    }
    module.launch = reinterpret_cast<Launcher>(dlsym(module.library, "emulator_launch"));
    module.describe = reinterpret_cast<Describer>(dlsym(module.library, "emulator_describe"));
    return module.launch && module.describe ? SUCCESS : INVALID_IMAGE;
}

static bool fits(const Kernel &kernel, const unsigned (&grid)[3], const unsigned (&block)[3], unsigned shared) {
    for (int i = 0; i < 3; i++) {
        if (!grid[i] || !block[i]) return false;
    }
    uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    return block[0] <= 1024 && block[1] <= 1024 && block[2] <= 64 && threads <= kernel.properties.most_threads &&
           grid[0] <= 2147483647u && grid[1] <= 65535 && grid[2] <= 65535 && shared <= (unsigned)kernel.most_shared;
}

}  // namespace driver

using namespace driver;

API int cuModuleLoadData(Module **out, const void *image) {
    ENTER();
    if (Result refused = refuse_in_capture()) return refused;
    size_t size = image_size(image);
    if (size == 0) return NO_BINARY_FOR_GPU;
    auto module = std::make_unique<Module>();
    // The file stays open with the module: the loader tells libraries apart by their paths.
    module->file = memfd_create("module", MFD_CLOEXEC);
    if (module->file < 0 || !write_all(module->file, image, size)) return OPERATING_SYSTEM;
    if (Result bad = open_module(*module, "/proc/self/fd/" + std::to_string(module->file))) {
        close(module->file);
        return bad;
    }
    *out = module.release();
    return SUCCESS;
}

API int cuModuleLoad(Module **out, const char *path) {
    ENTER();
    auto module = std::make_unique<Module>();
    module->file = -1;
    if (access(path, R_OK)) return FILE_NOT_FOUND;
    if (Result bad = open_module(*module, path)) return bad;
    *out = module.release();
    return SUCCESS;
}

API int cuModuleUnload(Module *module) {
    ENTER();
    if (!module) return INVALID_HANDLE;
    run_all();
    dlclose(module->library);
    if (module->file >= 0) close(module->file);
    delete module;
    return SUCCESS;
}

API int cuModuleGetFunction(Kernel **out, Module *module, const char *name) {
    ENTER();
    if (!module) return INVALID_HANDLE;
    auto &kernel = module->kernels[name];
    if (!kernel) {
        void *entry = dlsym(module->library, name);
        void *properties = dlsym(module->library, (std::string(name) + "_properties").c_str());
        if (!entry || !properties) return NOT_FOUND;
        kernel.reset(new Kernel{module, name, reinterpret_cast<void (*)(void **)>(entry),
                                *static_cast<Properties *>(properties)});
    }
    *out = kernel.get();
    return SUCCESS;
}

API int cuModuleGetGlobal_v2(Address *, size_t *, Module *, const char *) { return NOT_FOUND; }

// By the numbers of CUfunction_attribute.
API int cuFuncGetAttribute(int *value, int attribute, Kernel *kernel) {
    ENTER();
    if (!kernel) return INVALID_HANDLE;
    switch (attribute) {
        case 0: *value = kernel->properties.most_threads; return SUCCESS;
        case 1: case 2: case 3: *value = 0; return SUCCESS;  // static shared, constant and local memory: not known
        case 4: *value = 32; return SUCCESS;                 // registers
        case 5: case 6: *value = 10 * device().major + device().minor; return SUCCESS;
        case 8: *value = kernel->most_shared; return SUCCESS;
        default: *value = 0; return SUCCESS;
    }
}

API int cuFuncSetAttribute(Kernel *kernel, int attribute, int value) {
    ENTER();
    if (!kernel) return INVALID_HANDLE;
    if (attribute == 9) return value >= -1 && value <= 100 ? SUCCESS : INVALID_VALUE;  // preferred split of the cache
    if (attribute != 8 || value < 0 || value > 232448) return INVALID_VALUE;
    kernel->most_shared = value;
    return SUCCESS;
}

API int cuFuncSetCacheConfig(Kernel *, int) {
    ENTER();
    return SUCCESS;
}

API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Kernel *kernel, int threads, size_t shared) {
    ENTER();
    if (!kernel || threads < 1) return INVALID_VALUE;
    *blocks = (int)std::min<size_t>({(size_t)(2048 / threads), 32, 233472 / (shared + 1024)});
    return SUCCESS;
}

API int cuLaunchKernel(Kernel *kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                       unsigned block_y, unsigned block_z, unsigned shared, Stream *stream, void **parameters,
                       void **extra) {
    ENTER();
    if (!kernel) return INVALID_HANDLE;
    if (extra) return NOT_SUPPORTED;
    struct Shape {
        unsigned grid[3], block[3];
    } shape = {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}};
    if (!fits(*kernel, shape.grid, shape.block, shared)) return INVALID_VALUE;
    if (!parameters && kernel->properties.parameters) return INVALID_VALUE;
    std::vector<uint64_t> words(kernel->properties.parameters);
    for (size_t i = 0; i < words.size(); i++) memcpy(&words[i], parameters[i], sizeof words[i]);
    return enqueue(stream, [=]() mutable {
        std::vector<void *> arguments;
        for (uint64_t &word : words) arguments.push_back(&word);
        running = kernel->module;
        running->launch(kernel->name.c_str(), kernel->entry, shape.grid, shape.block, shared, arguments.data());
        running = nullptr;
        check_memory("kernel " + kernel->name);
    });
}
