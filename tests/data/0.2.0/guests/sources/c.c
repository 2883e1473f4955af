// Mirrors the parameter `url`, and lands a line of its own making.

#include <string.h>

#include "extractor.h"

static bool failed(landing_extractor_zone_error_t *error, extractor_string_t *said) {
    *said = error->message;
    return false;
}

// A number as decimal digits, behind what is there.
static size_t digits(char *text, size_t at, uint64_t number) {
    if (number >= 10) at = digits(text, at, number / 10);
    text[at] = (char)('0' + number % 10);
    return at + 1;
}

bool exports_landing_extractor_entry_extract(extractor_string_t *said) {
    extractor_string_t name, key, url;
    extractor_string_set(&key, "url");
    if (!landing_extractor_run_param(&key, &url)) {
        extractor_string_dup(said, "set the parameter `url`");
        return false;
    }
    landing_extractor_run_name(&name);
    landing_extractor_zone_own_source_t source;
    landing_extractor_zone_error_t error;
    if (!landing_extractor_zone_static_source_open(&name, &source, &error)) return failed(&error, said);

    landing_extractor_zone_slot_t slot = {0};
    extractor_string_set(&slot.extension, "csv");
    landing_extractor_zone_receipt_t receipt;
    landing_extractor_http_own_request_t request = landing_extractor_http_constructor_request(&url);
    landing_extractor_zone_borrow_source_t borrowed = landing_extractor_zone_borrow_source(source);
    if (!landing_extractor_zone_method_source_mirror(borrowed, request, &slot, &receipt, &error)) {
        return failed(&error, said);
    }
    char made[200];
    size_t at = 0;
    memcpy(made, "made by ", 8);
    memcpy(made + 8, name.ptr, name.len);
    at = 8 + name.len;
    memcpy(made + at, ": ", 2);
    at = digits(made, at + 2, receipt.size);
    memcpy(made + at, " bytes\n", 7);
    extractor_list_u8_t content = {(uint8_t *)made, at + 7};
    extractor_string_set(&slot.extension, "txt");
    if (!landing_extractor_zone_method_source_land_bytes(borrowed, &content, &slot, &receipt, &error)) {
        return failed(&error, said);
    }
    return true;
}
