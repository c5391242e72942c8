/* The first-party filter `length` in C: the same verdicts, byte for byte. */
#include "trainyard_plugin.h"
#include <stdio.h>
#include <stdlib.h>

enum { MIN_CHARS, MAX_CHARS, MIN_WORDS, MAX_WORDS, N_SETTINGS };
static const char *const NAMES[N_SETTINGS] = { "min_chars", "max_chars", "min_words", "max_words" };
typedef struct { uint32_t limits[N_SETTINGS]; } length_filter;

static trainyard_status check_order(const trainyard_host *host, const char *what, uint32_t min, uint32_t max) {
    char message[160];
    if (max == 0 || min <= max) return TRAINYARD_OK;
    snprintf(message, sizeof message, "min_%s: expected at most max_%s = %u, got %u; no document would stay", what, what,
             (unsigned)max, (unsigned)min);
    return trainyard_fail(host, TRAINYARD_CONFIG, message);
}

static trainyard_status read_setting(length_filter *filter, const trainyard_host *host, const trainyard_setting *setting) {
    char message[200];
    for (int i = 0; i < N_SETTINGS; i++) {
        if (!trainyard_is(setting, NAMES[i])) continue;
        if (setting->tag == TRAINYARD_INTEGER && setting->integer >= 0 && setting->integer <= UINT32_MAX) {
            filter->limits[i] = (uint32_t)setting->integer;
            return TRAINYARD_OK;
        }
        snprintf(message, sizeof message, "%s: expected a whole number from 0 to 4294967295", NAMES[i]);
        return trainyard_fail(host, TRAINYARD_CONFIG, message);
    }
    return trainyard_unknown(host, setting, "min_chars, max_chars, min_words, max_words");
}

static trainyard_status create(const trainyard_host *host, trainyard_settings settings, void **instance) {
    length_filter filter = { { 0 } };
    for (size_t i = 0; i < settings.len; i++) {
        if (read_setting(&filter, host, &settings.ptr[i]) != TRAINYARD_OK) return TRAINYARD_FAILED;
    }
    const uint32_t *limits = filter.limits;
    if (check_order(host, "chars", limits[MIN_CHARS], limits[MAX_CHARS]) != TRAINYARD_OK) return TRAINYARD_FAILED;
    if (check_order(host, "words", limits[MIN_WORDS], limits[MAX_WORDS]) != TRAINYARD_OK) return TRAINYARD_FAILED;
    length_filter *made = malloc(sizeof *made);
    if (made == NULL) return trainyard_fail(host, TRAINYARD_INTERNAL, "out of memory");
    *made = filter;
    *instance = made;
    return TRAINYARD_OK;
}

/* White space as Python knows it: that of Unicode, and four separators among the control characters. */
static bool is_space(uint32_t c) {
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* The character at `*at`, which moves behind it; the text is valid UTF-8. */
static uint32_t next_char(trainyard_str text, size_t *at) {
    uint8_t first = text.ptr[(*at)++];
    if (first < 0x80) return first;
    int n = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    uint32_t c = first & (0x3f >> n);
    while (n-- > 0) c = c << 6 | (text.ptr[(*at)++] & 0x3f);
    return c;
}

static trainyard_verdict dropped(const char *reason, uint32_t score) {
    trainyard_verdict verdict = { .has_score = 1, .score = score, .reason = trainyard_text(reason) };
    return verdict;
}

static trainyard_verdict judge_one(const uint32_t *limits, trainyard_str text) {
    uint32_t chars = 0, words = 0;
    bool in_word = false;
    for (size_t at = 0; at < text.len; chars++) {
        bool is_word = !is_space(next_char(text, &at));
        words += is_word && !in_word;
        in_word = is_word;
    }
    if (chars < limits[MIN_CHARS]) return dropped("length_too_few_chars", chars);
    if (limits[MAX_CHARS] != 0 && chars > limits[MAX_CHARS]) return dropped("length_too_many_chars", chars);
    if (words < limits[MIN_WORDS]) return dropped("length_too_few_words", words);
    if (limits[MAX_WORDS] != 0 && words > limits[MAX_WORDS]) return dropped("length_too_many_words", words);
    return (trainyard_verdict){ .keep = 1 };
}

static trainyard_status judge(void *instance, const trainyard_host *host, trainyard_strs documents) {
    for (size_t i = 0; i < documents.len; i++) {
        trainyard_verdict verdict = judge_one(((length_filter *)instance)->limits, documents.ptr[i]);
        host->verdict(host->context, &verdict);
    }
    return TRAINYARD_OK;
}

static trainyard_status two_pass(void *instance, const trainyard_host *host) {
    (void)instance;
    host->number(host->context, 0);
    return TRAINYARD_OK;
}

static trainyard_status observe(void *instance, const trainyard_host *host, trainyard_strs documents) {
    (void)instance, (void)documents;
    return trainyard_fail(host, TRAINYARD_UNSUPPORTED, "this filter has no first pass");
}

static trainyard_status state(void *instance, const trainyard_host *host) {
    (void)instance;
    host->bytes(host->context, trainyard_text(""));
    return TRAINYARD_OK;
}

static trainyard_status merge(void *instance, const trainyard_host *host, trainyard_str state) {
    (void)instance, (void)host, (void)state;
    return TRAINYARD_OK;
}

const trainyard_filter_table TRAINYARD_SYMBOL = {
    .header = TRAINYARD_HEADER(trainyard_filter_table, TRAINYARD_FILTER, create, free),
    .two_pass = two_pass,
    .observe = observe,
    .state = state,
    .merge = merge,
    .judge = judge,
};
