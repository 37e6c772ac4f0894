// SPDX-License-Identifier: GPL-3.0-or-later
/* ISO 8601 on the wire, contract sheet §17. Own arithmetic, for timegm(3) accepts the 31st of February. Pure
 * functions. */
#include <spfs/model/times.h>
#include <spfs/model/item.h>

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000

/* Exactly n digits; the value in *ret. Advances *p. */
static bool digits(const char **p, int n, int *ret)
{
    int v = 0;
    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        v = v * 10 + (**p - '0');
    }
    *ret = v;
    return true;
}

static bool literal(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March, so that the leap day
 * comes last. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* The fraction after the seconds, in nanoseconds; no more than nine digits. */
static bool fraction(const char **p, int64_t *ret)
{
    int64_t ns = 0, unit = NS_PER_S / 10;
    if (literal(p, '.'))
        for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10) {
            if (unit == 0)
                return false;
            ns += unit * (**p - '0');
        }
    *ret = ns;
    return true;
}

/* "Z" or "±hh:mm" up to the end of the text, in seconds east. */
static bool zone(const char *p, int64_t *ret)
{
    int hours, minutes;
    if (*p == 'Z') {
        *ret = 0;
        return p[1] == '\0';
    }
    int64_t sign = *p == '+' ? 1 : -1;
    if (*p != '+' && *p != '-')
        return false;
    p++;
    if (!digits(&p, 2, &hours) || !literal(&p, ':') || !digits(&p, 2, &minutes) || *p || hours > 23 ||
        minutes > 59)
        return false;
    *ret = sign * (hours * 3600 + minutes * 60);
    return true;
}

int64_t spfs_time_parse(const char *p)
{
    int year, month, day, hour, minute, second;
    int64_t ns, east, total;
    if (!p || !digits(&p, 4, &year) || !literal(&p, '-') || !digits(&p, 2, &month) || !literal(&p, '-') ||
        !digits(&p, 2, &day) || !literal(&p, 'T') || !digits(&p, 2, &hour) || !literal(&p, ':') ||
        !digits(&p, 2, &minute) || !literal(&p, ':') || !digits(&p, 2, &second) || !fraction(&p, &ns) ||
        !zone(p, &east))
        return SPFS_TIME_UNKNOWN;
    if (year <= 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 60) /* 60: a leap second is the first of the next minute */
        return SPFS_TIME_UNKNOWN;
    int64_t s = days_from_date(year, month, day) * 86400 + (int64_t)hour * 3600 + (int64_t)minute * 60 +
                second - east;
    if (__builtin_mul_overflow(s, (int64_t)NS_PER_S, &total) || __builtin_add_overflow(total, ns, &total))
        return SPFS_TIME_UNKNOWN;
    return total;
}

void spfs_time_format(int64_t ns, char out[32])
{
    time_t s = (time_t)(ns / NS_PER_S - (ns % NS_PER_S < 0));
    struct tm tm;
    gmtime_r(&s, &tm);
    snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
