// SPDX-License-Identifier: GPL-3.0-or-later
#include <spfs_test.h>

#include <spfs/auth/aadsts.h>

#include <string.h>

/* Every code of the contract sheet's table. */
static const unsigned codes[] = {
    50011,   50020,  50034,  50053,  50055, 50057,  50058,  50059,  50072,  50074,   50076,   50078,
    50079,   50158,  50097,  53000,  53001, 53002,  50105,  50126,  50131,  53003,   53004,   530003,
    530032,  530034, 530035, 530004, 50132, 50133,  50173,  50140,  501481, 50194,   50196,   500011,
    650052,  54005,  65001,  65004,  65005, 650056, 650057, 70000,  70001,  700016,  70002,   70008,
    700082,  700084, 70011,  70016,  70018, 70019,  70043,  700025, 700027, 7000112, 7000215, 7000218,
    7000222, 90002,  90013,  900144, 90033, 90055,  90038,  90094,  90095,  9002313};

static void test_all_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        const struct spfs_aadsts *a = spfs_aadsts_find(codes[i]);
        if (!a)
            fail_msg("AADSTS%u is not in the table", codes[i]);
        assert_int_equal(a->code, codes[i]);
        assert_true(strlen(a->cause) > 10 && strlen(a->next) > 5);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    assert_null(spfs_aadsts_find(0));
    assert_null(spfs_aadsts_find(1));
    assert_null(spfs_aadsts_find(99999999));
    assert_null(spfs_aadsts_find(50021));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_known), cmocka_unit_test(test_unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
