// SPDX-License-Identifier: Apache-2.0
// ICU's data with nothing in it, in the layout of its "ToCP" packages: a header and a table of contents without entries.
// libarchive brings libxml2 for xar archives, and that brings ICU for their character sets; tar files, all that is read
// here, need neither. The data would be a third of the wheel.
#include <stdint.h>

struct {
  uint16_t header_size;
  uint8_t magic[2];
  uint16_t info_size, reserved;
  uint8_t is_big_endian, charset_family, bytes_of_char, reserved_byte;
  uint8_t format[4], format_version[4], data_version[4];
  uint8_t padding[8];
  uint32_t entries;
} ICU_DATA = {.header_size = 32,
              .magic = {0xda, 0x27},
              .info_size = 20,
              .bytes_of_char = 2,
              .format = {'T', 'o', 'C', 'P'},
              .format_version = {1}};
