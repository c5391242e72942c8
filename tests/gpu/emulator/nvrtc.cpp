// The emulated NVRTC (libnvrtc.so.13): compiles with g++ to a shared object that the emulated driver loads.
//
// TRAINYARD_EMULATOR_FOLDER: where emulated.h is; the folder of this file unless set.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

extern char **environ;

enum Result {
    SUCCESS = 0,
    CREATION_FAILURE = 2,
    INVALID_INPUT = 3,
    INVALID_PROGRAM = 4,
    INVALID_OPTION = 5,
    COMPILATION = 6,
    BUILTIN_OPERATION_FAILURE = 7,
    INTERNAL_ERROR = 11,
};

struct Program {
    std::string source, name;
    std::vector<std::pair<std::string, std::string>> headers;  // name, text
    std::string image, log;
};

static std::string read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

static void write_file(const std::filesystem::path &path, const std::string &text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

static bool begins(const std::string &text, const char *with) { return text.rfind(with, 0) == 0; }

// What g++ is told for an option of NVRTC; false where there is no such option.
static bool translate(const std::string &option, std::vector<std::string> &out) {
    static const std::pair<const char *, const char *> SAME[] = {
        {"--include-path=", "-I"}, {"-I", "-I"}, {"--define-macro=", "-D"}, {"-D", "-D"}, {"--undefine-macro=", "-U"},
        {"-U", "-U"}};
    static const char *const WITHOUT_EFFECT[] = {
        "--gpu-architecture=", "-arch=", "--std=", "-std=", "--fmad=", "-fmad=", "--use_fast_math", "-use_fast_math",
        "--ftz=", "-ftz=", "--prec-sqrt=", "-prec-sqrt=", "--prec-div=", "-prec-div=", "--maxrregcount=",
        "-maxrregcount=", "--device-debug", "-G", "--generate-line-info", "-lineinfo", "--restrict", "-restrict",
        "--default-device", "-default-device", "--disable-warnings", "-w", "--extra-device-vectorization",
        "--dopt", "--relocatable-device-code=false", "--display-error-number", "--no-display-error-number",
        "--diag-suppress=", "-diag-suppress=", "--minimal", "-minimal", "--no-cache", "-no-cache"};
    for (const auto &[ours, theirs] : SAME) {
        if (!begins(option, ours)) continue;
        out.push_back(theirs + option.substr(strlen(ours)));
        return true;
    }
    for (const char *known : WITHOUT_EFFECT) {
        if (begins(option, known)) return true;
    }
    return false;
}

// Runs a command, its output and errors to `log`; its exit status, or -1.
static int run(const std::vector<std::string> &command, const std::string &log) {
    std::vector<char *> words;
    for (const std::string &word : command) words.push_back(const_cast<char *>(word.c_str()));
    words.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t child;
    int failed = posix_spawnp(&child, words[0], &files, nullptr, words.data(), environ), status = 0;
    posix_spawn_file_actions_destroy(&files);
    if (failed || waitpid(child, &status, 0) < 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int compile(Program &program, const std::vector<std::string> &options, const std::filesystem::path &folder) {
    const char *set = getenv("TRAINYARD_EMULATOR_FOLDER"), *compiler = getenv("CXX");
    std::string emulator = set ? set : EMULATOR_FOLDER;
    write_file(folder / "program.cpp", "#line 1 \"" + program.name + "\"\n" + program.source);
    for (const auto &[name, text] : program.headers) write_file(folder / "include" / name, text);
    std::vector<std::string> command = {
        compiler ? compiler : "g++", "-std=c++17", "-O1", "-fPIC", "-shared", "-fvisibility=hidden",
        "-fno-gnu-unique", "-ffp-contract=off", "-fsanitize=alignment", "-fsanitize-undefined-trap-on-error", "-w",
        "-DTRAINYARD_EMULATED", "-I" + emulator, "-I" + (folder / "include").string(), "-include", "emulated.h"};
    command.insert(command.end(), options.begin(), options.end());
    std::string image = folder / "program.so", log = folder / "log";
    for (const std::string &word : {std::string("-o"), image, (folder / "program.cpp").string()}) {
        command.push_back(word);
    }
    int status = run(command, log);
    program.log = read_file(log);
    if (status == 0) program.image = read_file(image);
    else if (status < 0) program.log += "the compiler cannot be run\n";
    return status == 0 ? SUCCESS : status < 0 ? INTERNAL_ERROR : COMPILATION;
}

API int nvrtcVersion(int *major, int *minor) {
    *major = 13;
    *minor = 0;
    return SUCCESS;
}

API int nvrtcGetNumSupportedArchs(int *count) {
    *count = 3;
    return SUCCESS;
}
API int nvrtcGetSupportedArchs(int *architectures) {
    architectures[0] = 80, architectures[1] = 90, architectures[2] = 100;
    return SUCCESS;
}

API int nvrtcCreateProgram(Program **out, const char *source, const char *name, int count,
                           const char *const *headers, const char *const *names) {
    if (!out || !source) return INVALID_INPUT;
    Program *program = new Program();
    program->source = source;
    program->name = name ? name : "default_program";
    for (int i = 0; i < count; i++) program->headers.emplace_back(names[i], headers[i]);
    *out = program;
    return SUCCESS;
}

API int nvrtcDestroyProgram(Program **program) {
    if (!program || !*program) return INVALID_PROGRAM;
    delete *program;
    return SUCCESS;
}

API int nvrtcCompileProgram(Program *program, int count, const char *const *options) {
    if (!program) return INVALID_PROGRAM;
    std::vector<std::string> translated;
    for (int i = 0; i < count; i++) {
        if (translate(options[i], translated)) continue;
        program->log = std::string("unrecognized option ") + options[i] + " found\n";
        return INVALID_OPTION;
    }
    std::string folder = (std::filesystem::temp_directory_path() / "emulated-nvrtc-XXXXXX").string();
    if (!mkdtemp(folder.data())) return INTERNAL_ERROR;
    int result = compile(*program, translated, folder);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return result;
}

API int nvrtcGetCUBINSize(Program *program, size_t *size) {
    if (!program || program->image.empty()) return INVALID_PROGRAM;
    *size = program->image.size();
    return SUCCESS;
}
API int nvrtcGetCUBIN(Program *program, char *to) {
    if (!program || program->image.empty()) return INVALID_PROGRAM;
    memcpy(to, program->image.data(), program->image.size());
    return SUCCESS;
}
API int nvrtcGetPTXSize(Program *program, size_t *size) { return nvrtcGetCUBINSize(program, size); }
API int nvrtcGetPTX(Program *program, char *to) { return nvrtcGetCUBIN(program, to); }

API int nvrtcGetProgramLogSize(Program *program, size_t *size) {
    if (!program) return INVALID_PROGRAM;
    *size = program->log.size() + 1;
    return SUCCESS;
}
API int nvrtcGetProgramLog(Program *program, char *to) {
    if (!program) return INVALID_PROGRAM;
    memcpy(to, program->log.c_str(), program->log.size() + 1);
    return SUCCESS;
}

API const char *nvrtcGetErrorString(int result) {
    switch (result) {
        case SUCCESS: return "NVRTC_SUCCESS";
        case CREATION_FAILURE: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
        case INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
        case INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
        case INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
        case COMPILATION: return "NVRTC_ERROR_COMPILATION";
        case INTERNAL_ERROR: return "NVRTC_ERROR_INTERNAL_ERROR";
        default: return "NVRTC_ERROR unknown";
    }
}
