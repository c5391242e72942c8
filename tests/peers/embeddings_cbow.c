/* CBOW with negative sampling (Mikolov et al., arXiv 1301.3781 and 1310.4546) in two forms: each token near gets the
   whole of the gradient, as in word2vec and gensim, or its share of it, which is the gradient of the loss.

   Usage: embeddings_cbow TOKENS VOCABULARY WIDTH WINDOW NEGATIVES SUBSAMPLE EPOCHS SEED FACTOR OUT

   TOKENS is a file of int32, -1 after each text. FACTOR is 0 for the whole, or what the share is multiplied by. OUT
   gets the input vectors, float32. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_MAX = 1000, TEXT_MAX = 20000 };

static uint64_t state;

/* Uniform in [0, 1): xorshift (Marsaglia 2003). */
static double uniform(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (state >> 32) / 4294967296.0;
}

static double *sums, total;
static int negative(int vocabulary) {
    double x = uniform() * sums[vocabulary - 1];
    int low = 0, high = vocabulary - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (sums[middle] > x) high = middle; else low = middle + 1;
    }
    return low;
}

int main(int n_arguments, char **arguments) {
    if (n_arguments != 11) return 2;
    int vocabulary = atoi(arguments[2]), width = atoi(arguments[3]), window = atoi(arguments[4]);
    int negatives = atoi(arguments[5]), epochs = atoi(arguments[7]);
    double subsample = atof(arguments[6]), factor = atof(arguments[9]);
    state = 88172645463325252ULL * (2 * atoi(arguments[8]) + 1);
    FILE *file = fopen(arguments[1], "rb");
    if (!file || width > WIDTH_MAX) return 1;
    fseek(file, 0, SEEK_END);
    long n = ftell(file) / 4;
    rewind(file);
    int32_t *tokens = malloc(4 * n);
    if (fread(tokens, 4, n, file) != (size_t)n) return 1;
    fclose(file);

    double *counts = calloc(vocabulary, 8), sum = 0, seen = 0;
    sums = malloc(8L * vocabulary);
    for (long i = 0; i < n; i++) if (tokens[i] >= 0) counts[tokens[i]]++, total++;
    for (int id = 0; id < vocabulary; id++) sums[id] = sum += pow(counts[id], 0.75);
    float *in = malloc(4L * vocabulary * width), *out = calloc((long)vocabulary * width, 4);
    for (long i = 0; i < (long)vocabulary * width; i++) in[i] = (uniform() - 0.5) / width;

    static int read[TEXT_MAX];
    static float mean[WIDTH_MAX], gradient[WIDTH_MAX];
    for (int epoch = 0; epoch < epochs; epoch++) for (long i = 0; i < n; i++) {
        int m = 0;
        double rate = 0.025 + (0.0001 - 0.025) * seen / (epochs * total);
        for (; i < n && tokens[i] >= 0; i++, seen++) {
            double ratio = subsample * total / counts[tokens[i]];
            if ((subsample == 0 || uniform() < sqrt(ratio) + ratio) && m < TEXT_MAX) read[m++] = tokens[i];
        }
        for (int at = 0; at < m; at++) {
            int reach = 1 + (int)(uniform() * window), near = 0;
            int first = at < reach ? 0 : at - reach, last = at + reach < m ? at + reach : m - 1;
            memset(mean, 0, sizeof mean), memset(gradient, 0, sizeof gradient);
            for (int j = first; j <= last; j++) if (j != at && ++near)
                for (int d = 0; d < width; d++) mean[d] += in[(long)read[j] * width + d];
            if (!near) continue;
            for (int d = 0; d < width; d++) mean[d] /= near;
            for (int candidate = 0; candidate <= negatives; candidate++) {
                int id = candidate ? negative(vocabulary) : read[at];
                if (candidate && id == read[at]) continue;
                float *asked = out + (long)id * width;
                double z = 0;
                for (int d = 0; d < width; d++) z += mean[d] * asked[d];
                double step = rate * ((candidate == 0) - 1 / (1 + exp(-z)));
                for (int d = 0; d < width; d++) gradient[d] += step * asked[d], asked[d] += step * mean[d];
            }
            double share = factor > 0 ? factor / near : 1;
            for (int j = first; j <= last; j++) if (j != at)
                for (int d = 0; d < width; d++) in[(long)read[j] * width + d] += share * gradient[d];
        }
    }
    file = fopen(arguments[10], "wb");
    return !file || fwrite(in, 4, (long)vocabulary * width, file) != (size_t)vocabulary * width || fclose(file);
}
