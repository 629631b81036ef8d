/* A stand-in for NVIDIA's libnvidia-ml.so.1: the functions that gpus/node/nvml.py calls, with the names, layouts and
 * errors of nvml.h (driver 570). It plays the scene in the file that NVML_SCENE names, read anew at each
 * nvmlDeviceGetCount_v2:
 *
 *   driver 570.124.06
 *   init 9                 what nvmlInitWithFlags returns
 *   lacks NAME             this driver has no such function (it answers FUNCTION_NOT_FOUND)
 *   card                   begins a card; its lines follow
 *   mig                    begins a MIG device of the last card
 *   gone                   begins a place for a MIG device that holds none
 *     uuid, name           texts
 *     memory, reserved, used   MiB
 *     fails 15             what every question about it answers; `handle 15`: what asking for it answers
 *     ecc 2                uncorrectable errors; without it ECC is not supported
 *     mode 1               MIG mode; without it MIG is not supported
 *     gpm BUSY CLOCK       counters: µs of work, µs of time. Without it GPM is not supported
 *     load 0.8             instead: works so much of the time, by the machine's clock
 *     sample AT PERCENT    one of the driver's buffer
 *     process PID
 *     instance GI CI       of a MIG device
 *     slices GPU COMPUTE MEMORY_MB
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OK = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    FUNCTION_NOT_FOUND = 13, VERSION_MISMATCH = 25
};
enum { CARDS = 8, MIGS = 8, PROCESSES = 16, SAMPLES = 128 };

typedef unsigned long long u64;
typedef struct { u64 at; unsigned percent; } taken;
typedef struct device {
    int used_place, is_mig, fails, handle, has_ecc, has_mode, has_gpm, has_load;
    char uuid[96], name[96];
    u64 memory, reserved, used, ecc, gpm_busy, gpm_clock, slice_memory;
    double load;
    unsigned row, mode, gi, ci, slices, compute, processes, samples;
    unsigned pid[PROCESSES];
    taken sample[SAMPLES];
    struct device *card;
} device;

static struct { device card; device mig[MIGS]; unsigned places; } scene[CARDS];
static unsigned cards;
static int started, init_answer, open_samples;
static char driver[80], lacking[1024];

static int lacks(const char *name) {
    char word[128];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(lacking, word) != NULL;
}

static void read_scene(void) {
    const char *path = getenv("NVML_SCENE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256], word[32], rest[200];
    device *here = NULL;
    memset(scene, 0, sizeof scene);
    cards = 0, init_answer = OK;
    strcpy(driver, "570.124.06"), strcpy(lacking, " ");
    while (file && fgets(line, sizeof line, file)) {
        rest[0] = 0;
        if (sscanf(line, "%31s %199[^\n]", word, rest) < 1 || word[0] == '#') continue;
        if (!strcmp(word, "driver")) snprintf(driver, sizeof driver, "%.79s", rest);
        else if (!strcmp(word, "init")) init_answer = atoi(rest);
        else if (!strcmp(word, "lacks")) strcat(strcat(lacking, rest), " ");
        else if (!strcmp(word, "card")) {
            here = &scene[cards].card;
            here->used_place = 1, here->row = cards++, here->card = here;
        }
        else if (!strcmp(word, "mig") || !strcmp(word, "gone")) {
            unsigned card = cards - 1;
            here = &scene[card].mig[scene[card].places++];
            here->is_mig = 1, here->used_place = word[0] == 'm', here->row = card, here->card = &scene[card].card;
        }
        else if (!here) fprintf(stderr, "scene: %s before any card\n", word), abort();
        else if (!strcmp(word, "uuid")) snprintf(here->uuid, sizeof here->uuid, "%.95s", rest);
        else if (!strcmp(word, "name")) snprintf(here->name, sizeof here->name, "%.95s", rest);
        else if (!strcmp(word, "memory")) here->memory = strtoull(rest, 0, 10);
        else if (!strcmp(word, "reserved")) here->reserved = strtoull(rest, 0, 10);
        else if (!strcmp(word, "used")) here->used = strtoull(rest, 0, 10);
        else if (!strcmp(word, "fails")) here->fails = atoi(rest);
        else if (!strcmp(word, "handle")) here->handle = atoi(rest);
        else if (!strcmp(word, "ecc")) here->has_ecc = 1, here->ecc = strtoull(rest, 0, 10);
        else if (!strcmp(word, "mode")) here->has_mode = 1, here->mode = atoi(rest);
        else if (!strcmp(word, "gpm")) here->has_gpm = 2 == sscanf(rest, "%llu %llu", &here->gpm_busy, &here->gpm_clock);
        else if (!strcmp(word, "load")) here->has_load = here->has_gpm = 1, here->load = atof(rest);
        else if (!strcmp(word, "process")) here->pid[here->processes++] = atoi(rest);
        else if (!strcmp(word, "instance")) sscanf(rest, "%u %u", &here->gi, &here->ci);
        else if (!strcmp(word, "slices")) sscanf(rest, "%u %u %llu", &here->slices, &here->compute, &here->slice_memory);
        else if (!strcmp(word, "sample")) {
            taken *sample = &here->sample[here->samples++];
            sscanf(rest, "%llu %u", &sample->at, &sample->percent);
        }
        else fprintf(stderr, "scene: unknown word %s\n", word), abort();
    }
    if (file) fclose(file);
}

/* What every call begins with. */
#define BEGIN(of) \
    if (!started) return UNINITIALIZED; \
    if (lacks(__func__)) return FUNCTION_NOT_FOUND; \
    if (!(of) || !(of)->used_place) return INVALID_ARGUMENT; \
    if ((of)->fails) return (of)->fails; \
    if ((of)->card->fails) return (of)->card->fails

static int text(const char *value, char *out, unsigned length) {
    if (strlen(value) >= length) return INSUFFICIENT_SIZE;
    strcpy(out, value);
    return OK;
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    read_scene();
    if (init_answer == OK) started++;
    return init_answer;
}
int nvmlShutdown(void) {
    if (!started) return UNINITIALIZED;
    started--;
    return OK;
}
const char *nvmlErrorString(int result) {
    static char words[40];
    snprintf(words, sizeof words, "Stand-in error %d", result);
    return words;
}
int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    return started ? text(driver, version, length) : UNINITIALIZED;
}
int nvmlDeviceGetCount_v2(unsigned *count) {
    if (!started) return UNINITIALIZED;
    read_scene();
    *count = cards;
    return init_answer;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device **handle) {
    if (!started) return UNINITIALIZED;
    if (index >= cards) return INVALID_ARGUMENT;
    *handle = &scene[index].card;
    return (*handle)->handle;
}
int nvmlDeviceGetUUID(device *of, char *uuid, unsigned length) { BEGIN(of); return text(of->uuid, uuid, length); }
int nvmlDeviceGetName(device *of, char *name, unsigned length) { BEGIN(of); return text(of->name, name, length); }

typedef struct { u64 total, free, used; } memory_v1;
typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2;
int nvmlDeviceGetMemoryInfo(device *of, memory_v1 *memory) {
    BEGIN(of);
    memory->total = of->memory << 20, memory->used = (of->used + of->reserved) << 20;
    memory->free = memory->total - memory->used;
    return OK;
}
int nvmlDeviceGetMemoryInfo_v2(device *of, memory_v2 *memory) {
    BEGIN(of);
    if (memory->version != (sizeof *memory | 2 << 24)) return VERSION_MISMATCH;
    memory->total = of->memory << 20, memory->reserved = of->reserved << 20, memory->used = of->used << 20;
    memory->free = memory->total - memory->reserved - memory->used;
    return OK;
}
int nvmlDeviceGetTotalEccErrors(device *of, int type, int counter, u64 *count) {
    BEGIN(of);
    if (!of->has_ecc) return NOT_SUPPORTED;
    *count = type == 1 && counter == 0 ? of->ecc : 0;
    return OK;
}
int nvmlDeviceGetMigMode(device *of, unsigned *current, unsigned *pending) {
    BEGIN(of);
    if (!of->has_mode) return NOT_SUPPORTED;
    *current = *pending = of->mode;
    return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(device *of, unsigned *count) {
    BEGIN(of);
    *count = of->mode ? MIGS - 1 : 0;
    return OK;
}
int nvmlDeviceGetMigDeviceHandleByIndex(device *of, unsigned index, device **mig) {
    BEGIN(of);
    if (index >= MIGS) return INVALID_ARGUMENT;
    *mig = &scene[of->row].mig[index];
    return (*mig)->used_place ? OK : NOT_FOUND;
}
int nvmlDeviceGetGpuInstanceId(device *of, unsigned *id) {
    BEGIN(of);
    if (!of->is_mig) return NOT_SUPPORTED;
    *id = of->gi;
    return OK;
}
typedef struct { unsigned multiprocessors, copy, decoders, encoders, jpeg, ofa, slices, compute; u64 memory; } attributes;
int nvmlDeviceGetAttributes_v2(device *of, attributes *has) {
    BEGIN(of);
    if (!of->is_mig) return NOT_SUPPORTED;
    memset(has, 0, sizeof *has);
    has->slices = of->slices, has->compute = of->compute, has->memory = of->slice_memory;
    return OK;
}
typedef struct { u64 at; union { double d; unsigned ui; u64 ull; } value; } util_sample;
int nvmlDeviceGetSamples(device *of, int type, u64 since, int *value_type, unsigned *count, util_sample *out) {
    unsigned filled = 0;
    BEGIN(of);
    if (type != 1 || !of->samples || of->mode || of->is_mig) return NOT_SUPPORTED;
    *value_type = 1;
    if (!out) { *count = SAMPLES; return OK; } /* the buffer's size, not what it holds */
    for (unsigned i = 0; i < of->samples && filled < *count; i++)
        if (of->sample[i].at > since) out[filled].at = of->sample[i].at, out[filled++].value.ui = of->sample[i].percent;
    *count = filled;
    return filled ? OK : NOT_FOUND;
}

typedef struct { unsigned pid; u64 memory; unsigned gi, ci; } running;
static int processes(device *of, unsigned *count, running *out) {
    unsigned room = *count;
    *count = of->processes;
    if (of->processes > room) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < of->processes; i++)
        out[i] = (running){of->pid[i], 1 << 20, of->is_mig ? of->gi : ~0u, of->is_mig ? of->ci : ~0u};
    return OK;
}
int nvmlDeviceGetComputeRunningProcesses_v2(device *of, unsigned *count, running *out) {
    BEGIN(of);
    return processes(of, count, out);
}
int nvmlDeviceGetComputeRunningProcesses_v3(device *of, unsigned *count, running *out) {
    BEGIN(of);
    return processes(of, count, out);
}

typedef struct { double busy, clock; } counters;
typedef struct {
    unsigned id; int result; double value; struct { const char *short_name, *long_name, *unit; } info;
} metric;

static void fill(device *of, counters *out) {
    if (of->has_load) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        out->clock = now.tv_sec * 1e6 + now.tv_nsec / 1e3;
        out->busy = of->load * out->clock;
    } else
        out->clock = of->gpm_clock, out->busy = of->gpm_busy;
}
typedef struct { unsigned version, supported; } gpm_support;
int nvmlGpmQueryDeviceSupport(device *of, gpm_support *support) {
    BEGIN(of);
    if (support->version != 1) return VERSION_MISMATCH;
    support->supported = of->has_gpm;
    for (unsigned i = 0; i < MIGS; i++) support->supported |= scene[of->row].mig[i].has_gpm;
    return OK;
}
int nvmlGpmSampleAlloc(counters **sample) {
    if (!started) return UNINITIALIZED;
    *sample = calloc(1, sizeof **sample), open_samples++;
    return OK;
}
int nvmlGpmSampleFree(counters *sample) {
    if (!sample) return INVALID_ARGUMENT;
    free(sample), open_samples--;
    return OK;
}
int nvmlGpmSampleGet(device *of, counters *sample) {
    BEGIN(of);
    if (!of->has_gpm) return NOT_SUPPORTED;
    fill(of, sample);
    return OK;
}
int nvmlGpmMigSampleGet(device *of, unsigned gi, counters *sample) {
    BEGIN(of);
    for (unsigned i = 0; i < MIGS; i++) {
        device *mig = &scene[of->row].mig[i];
        if (mig->used_place && mig->has_gpm && mig->gi == gi) {
            fill(mig, sample);
            return OK;
        }
    }
    return INVALID_ARGUMENT;
}
typedef struct { unsigned version, count; counters *before, *after; metric metrics[]; } gpm_ask;
int nvmlGpmMetricsGet(gpm_ask *ask) {
    if (!started) return UNINITIALIZED;
    if (ask->version != 1) return VERSION_MISMATCH;
    if (!ask->before || !ask->after) return INVALID_ARGUMENT;
    for (unsigned i = 0; i < ask->count; i++) {
        double time = ask->after->clock - ask->before->clock, share = (ask->after->busy - ask->before->busy) / time;
        ask->metrics[i].result = ask->metrics[i].id == 1 || ask->metrics[i].id == 2 ? OK : NOT_SUPPORTED;
        ask->metrics[i].value = ask->metrics[i].id == 1 ? 100 * share : 50 * share; /* 0/0 is NaN, as in NVML */
    }
    return OK;
}

/* Of the stand-in alone: GPM samples that were allocated and not freed. */
int standInOpenSamples(void) { return open_samples; }
