/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Purpose: `spfs-sim`, the command line over spfs/sim/sim.h. Prints "ready URL" when it listens and ends
 * cleanly on SIGTERM or SIGINT. Threads: main waits for the signal; the server has its own. */
#include <spfs/model/quickxor.h>
#include <spfs/sim/sim.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    OPT_PRESET = 1000,
    OPT_PORT,
    OPT_LISTEN,
    OPT_CERT,
    OPT_KEY,
    OPT_LATENCY,
    OPT_MBPS,
    OPT_LOG,
    OPT_FAULTS,
    OPT_READY,
    OPT_CLIENT_ID,
    OPT_CLIENT_SECRET,
    OPT_TENANT,
    OPT_TOKEN_LIFE,
    OPT_URL_LIFE,
    OPT_HOST_NAME,
    OPT_CONTENT_HOST,
    OPT_MAX_PARALLEL,
    OPT_DELTA_CTAG,
    OPT_TIDY_DELTA,
    OPT_NO_ETAG,
    OPT_TOLERATE_AUTH,
    OPT_QUICKXOR,
    OPT_HELP
};

static const struct option options[] = {
    {"preset", required_argument, NULL, OPT_PRESET},
    {"port", required_argument, NULL, OPT_PORT},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"tls-cert", required_argument, NULL, OPT_CERT},
    {"tls-key", required_argument, NULL, OPT_KEY},
    {"latency-ms", required_argument, NULL, OPT_LATENCY},
    {"mbps", required_argument, NULL, OPT_MBPS},
    {"log", required_argument, NULL, OPT_LOG},
    {"faults", required_argument, NULL, OPT_FAULTS},
    {"ready-file", required_argument, NULL, OPT_READY},
    {"client-id", required_argument, NULL, OPT_CLIENT_ID},
    {"client-secret", required_argument, NULL, OPT_CLIENT_SECRET},
    {"tenant", required_argument, NULL, OPT_TENANT},
    {"token-life", required_argument, NULL, OPT_TOKEN_LIFE},
    {"url-life", required_argument, NULL, OPT_URL_LIFE},
    {"host-name", required_argument, NULL, OPT_HOST_NAME},
    {"content-host", required_argument, NULL, OPT_CONTENT_HOST},
    {"max-parallel", required_argument, NULL, OPT_MAX_PARALLEL},
    {"delta-ctag", no_argument, NULL, OPT_DELTA_CTAG},
    {"no-content-etag", no_argument, NULL, OPT_NO_ETAG},
    {"tidy-delta", no_argument, NULL, OPT_TIDY_DELTA},
    {"tolerate-auth", no_argument, NULL, OPT_TOLERATE_AUTH},
    {"quickxor", no_argument, NULL, OPT_QUICKXOR},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "Usage: spfs-sim [OPTION]...\n"
    "A simulated Microsoft 365 (Entra ID and Microsoft Graph) on a loopback port, for demonstrations and "
    "tests.\n\n"
    "  --preset docs|wide|tree:N|huge|empty   what the tenant holds (docs)\n"
    "  --port P               port to listen on; 0 takes a free one (0)\n"
    "  --listen ADDRESS       IPv4 address to listen on (127.0.0.1)\n"
    "  --tls-cert FILE, --tls-key FILE        speak https\n"
    "  --latency-ms N         delay every answer\n"
    "  --mbps N               cap all content together, in both directions\n"
    "  --log FILE             append one JSON line a request\n"
    "  --faults FILE          JSON array of fault rules\n"
    "  --ready-file FILE      write the address there once it listens\n"
    "  --tenant T, --client-id ID, --client-secret S   the one registered application\n"
    "  --token-life S         seconds an access token lives (3600)\n"
    "  --url-life S           seconds a download address lives (3600)\n"
    "  --host-name HOST[:PORT]  host in links instead of the one in the request\n"
    "  --content-host HOST[:PORT]  host in links to content, as the real service has another one\n"
    "  --max-parallel N       count more requests at a time as a violation\n"
    "  --delta-ctag           delta entries carry cTag\n"
    "  --tidy-delta           delta gives parents first, nothing twice, and paths, as it mostly does\n"
    "  --no-content-etag      downloads come without ETag\n"
    "  --tolerate-auth        serve downloads that carry Authorization, as some hosts do; still counted as a "
    "violation\n"
    "\nspfs-sim --quickxor FILE...   prints the quickXorHash of local files, as /_sim/hashes?format=text "
    "does\n";

static unsigned number(const char *option, const char *text, uint64_t max)
{
    uint64_t n;
    if (!spfs_parse_u64(text, max, &n)) {
        fprintf(stderr, "spfs-sim: --%s wants a number up to %llu, not %s\n", option, (unsigned long long)max,
                text);
        exit(2);
    }
    return (unsigned)n;
}

/* One "HASH  FILE" line each; exit status 1 when one cannot be read. */
static int quickxor(char **files)
{
    static char piece[1 << 20];
    int status = 0;
    for (; *files; files++) {
        struct spfs_quickxor q;
        char hash[SPFS_QUICKXOR_TEXT];
        spfs_quickxor_init(&q);
        SPFS_CLOSE int fd = open(*files, O_RDONLY | O_CLOEXEC);
        ssize_t n = -1;
        while (fd >= 0 && (n = read(fd, piece, sizeof piece)) > 0)
            spfs_quickxor_add(&q, piece, (size_t)n);
        if (n < 0) {
            fprintf(stderr, "spfs-sim: %s: %s\n", *files, strerror(errno));
            status = 1;
            continue;
        }
        spfs_quickxor_end(&q, hash);
        printf("%s  %s\n", hash, *files);
    }
    return status;
}

static void parse(int argc, char **argv, struct spfs_sim_options *o, const char **ready_file)
{
    for (int opt, index = 0; (opt = getopt_long(argc, argv, "", options, &index)) != -1;) {
        switch (opt) {
        case OPT_PRESET:
            o->preset = optarg;
            break;
        case OPT_PORT:
            o->port = (uint16_t)number("port", optarg, 65535);
            break;
        case OPT_LISTEN:
            o->listen = optarg;
            break;
        case OPT_CERT:
            o->tls_cert = optarg;
            break;
        case OPT_KEY:
            o->tls_key = optarg;
            break;
        case OPT_LATENCY:
            o->latency_ms = number("latency-ms", optarg, 600000);
            break;
        case OPT_MBPS:
            o->mbps = number("mbps", optarg, 1000000);
            break;
        case OPT_LOG:
            o->log_file = optarg;
            break;
        case OPT_FAULTS:
            o->faults_file = optarg;
            break;
        case OPT_READY:
            *ready_file = optarg;
            break;
        case OPT_CLIENT_ID:
            o->client_id = optarg;
            break;
        case OPT_CLIENT_SECRET:
            o->client_secret = optarg;
            break;
        case OPT_TENANT:
            o->tenant = optarg;
            break;
        case OPT_TOKEN_LIFE:
            o->token_life_s = number("token-life", optarg, 1u << 30);
            break;
        case OPT_URL_LIFE:
            o->url_life_s = number("url-life", optarg, 1u << 30);
            break;
        case OPT_HOST_NAME:
            o->host_name = optarg;
            break;
        case OPT_CONTENT_HOST:
            o->content_host = optarg;
            break;
        case OPT_MAX_PARALLEL:
            o->max_parallel = number("max-parallel", optarg, 100000);
            break;
        case OPT_DELTA_CTAG:
            o->delta_ctag = true;
            break;
        case OPT_NO_ETAG:
            o->no_content_etag = true;
            break;
        case OPT_TIDY_DELTA:
            o->tidy_delta = true;
            break;
        case OPT_TOLERATE_AUTH:
            o->tolerate_auth = true;
            break;
        case OPT_QUICKXOR:
            exit(quickxor(argv + optind));
        case OPT_HELP:
            fputs(usage, stdout);
            exit(0);
        default:
            fputs("Try spfs-sim --help.\n", stderr);
            exit(2);
        }
    }
    if (optind < argc || !o->tls_cert != !o->tls_key) {
        fputs(optind < argc ? "spfs-sim: takes options only\n"
                            : "spfs-sim: --tls-cert and --tls-key go together\n",
              stderr);
        exit(2);
    }
}

/* Whoever waits for the file never sees it half written. */
static int announce(const char *url, const char *ready_file)
{
    printf("ready %s\n", url);
    fflush(stdout);
    if (!ready_file)
        return 0;
    SPFS_FREE char *temp = spfs_asprintf("%s.tmp", ready_file);
    FILE *f = temp ? fopen(temp, "we") : NULL;
    if (!f)
        return -errno;
    fprintf(f, "%s\n", url);
    if (fclose(f) != 0 || rename(temp, ready_file) != 0)
        return -errno;
    return 0;
}

int main(int argc, char **argv)
{
    struct spfs_sim_options o = {0};
    const char *ready_file = NULL;
    parse(argc, argv, &o, &ready_file);
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before any thread, so that all inherit it */
    signal(SIGPIPE, SIG_IGN);

    struct rlimit files; /* every large upload holds a file */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }

    struct spfs_reason reason = {""};
    struct spfs_sim *sim = NULL;
    if (spfs_sim_start(&o, &sim, &reason) < 0) {
        fprintf(stderr, "spfs-sim: %s\n", reason.text);
        return 1;
    }
    int err = announce(spfs_sim_url(sim), ready_file);
    if (err < 0)
        fprintf(stderr, "spfs-sim: %s cannot be written: %s\n", ready_file, strerror(-err));
    int got;
    while (err == 0 && sigwait(&ends, &got) != 0)
        ;
    spfs_sim_stop(sim);
    return err < 0 ? 1 : 0;
}
