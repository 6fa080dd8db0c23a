"""The files of the sample repositories, written for this project; the three short licence texts are the licences' own.

Keys and tokens in them are made up and open nothing.
"""

from __future__ import annotations

MIT = """MIT License

Copyright (c) 2019 The Harbour Clock authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
BSD = """Copyright (c) 2017, The Lantern project
All rights reserved.

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this
   list of conditions and the following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice,
   this list of conditions and the following disclaimer in the documentation
   and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its contributors
   may be used to endorse or promote products derived from this software
   without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE
FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER
CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY,
OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""
APACHE_NOTICE = """Copyright 2021 The Weft authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
"""
GPL_NOTICE = """This program is free software: you can redistribute it and/or modify
it under the terms of the GNU General Public License as published by
the Free Software Foundation, either version 3 of the License, or
(at your option) any later version.

This program is distributed in the hope that it will be useful,
but WITHOUT ANY WARRANTY; without even the implied warranty of
MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
GNU General Public License for more details.

You should have received a copy of the GNU General Public License
along with this program.  If not, see <https://www.gnu.org/licenses/>.
"""
MPL_NOTICE = """This Source Code Form is subject to the terms of the Mozilla Public
License, v. 2.0. If a copy of the MPL was not distributed with this
file, You can obtain one at https://mozilla.org/MPL/2.0/.
"""


def commented(text: str, mark: str) -> str:
    """The text as line comments."""
    return "".join(f"{mark} {line}".rstrip() + "\n" for line in text.splitlines())


def enclosed(text: str) -> str:
    """The text as a C comment."""
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in text.splitlines()) + " */\n"


TIDES_PY = '''#!/usr/bin/env python3
# -*- coding: utf-8 -*-
# SPDX-License-Identifier: MIT
# Copyright (c) 2019 The Harbour Clock authors

# Two constituents are enough for a wall clock: the moon's and the sun's half-day tides.
"""Heights of the tide at a quay, good enough to hang on a wall."""

import math

MOON_HOURS = 12.4206
SUN_HOURS = 12.0


def height(hours: float, moon: float = 1.2, sun: float = 0.4) -> float:
    """Metres above the mean level, so many hours after the last spring tide."""
    lunar = moon * math.cos(2 * math.pi * hours / MOON_HOURS)
    solar = sun * math.cos(2 * math.pi * hours / SUN_HOURS)
    return lunar + solar


def next_high_water(hours: float, step: float = 0.05) -> float:
    """Hours until the water stops rising, found by walking along the curve."""
    waited = 0.0
    while height(hours + waited + step) > height(hours + waited):
        waited += step
    return waited
'''
CONFIG_PY = '''"""Where the quay's sensors report to. The values are made up: they open nothing."""

STATION = "north mole"
API_KEY = "q7Zt3mVx9Lc2Rk8WbN4yHd6PfS1aJg5E"
AWS_ACCESS_KEY_ID = "AKIAQ3ZK7WN5LRTB2XYC"
KEEPER = "keeper.of.tides@northmole.example"


def address(path: str) -> str:
    """The full address of one of the station's pages."""
    return f"https://sensors.northmole.example/{path.lstrip('/')}"
'''
LANTERN_C = """#include <stdio.h>
#include <string.h>

#define FLASH_LONG 3
#define FLASH_SHORT 1

/* One letter of the lamp alphabet: how long each flash lasts, and a zero at the end. */
struct signal {
    char letter;
    int flashes[6];
};

static const struct signal alphabet[] = {
    {'a', {FLASH_SHORT, FLASH_LONG, 0}},
    {'n', {FLASH_LONG, FLASH_SHORT, 0}},
    {'t', {FLASH_LONG, 0}},
};

static const char *not_a_comment = "/* this is only a string */";

int flashes_of(char letter, char *out, size_t size)
{
    size_t i, written = 0;
    for (i = 0; i < sizeof alphabet / sizeof *alphabet; i++) {
        const int *flash;
        if (alphabet[i].letter != letter)
            continue;
        for (flash = alphabet[i].flashes; *flash && written + 1 < size; flash++)
            out[written++] = *flash == FLASH_LONG ? '-' : '.';
    }
    out[written] = 0;
    return (int)strlen(not_a_comment) > 0 && written > 0;
}
"""
LANTERN_H = """#ifndef LANTERN_H
#define LANTERN_H

#include <stddef.h>

/* Writes the flashes of a letter as dots and dashes; returns 0 for a letter the lamp does not know. */
int flashes_of(char letter, char *out, size_t size);

#endif
"""
MAKEFILE = """# Builds the lantern and nothing else.
CFLAGS += -std=c99 -Wall

lantern.o: lantern.c lantern.h
\t$(CC) $(CFLAGS) -c lantern.c

clean:
\trm -f lantern.o
"""
WEFT_JS = """'use strict';

// Warp threads are numbered from the left; a pick says which of them are raised.
export function pick(pattern, row) {
  const repeat = pattern[row % pattern.length];
  return (thread) => repeat[thread % repeat.length] === 'x';
}

export function draft(pattern, rows, threads) {
  const lines = [];
  for (let row = 0; row < rows; row += 1) {
    const raised = pick(pattern, row);
    let line = '';
    for (let thread = 0; thread < threads; thread += 1) line += raised(thread) ? '#' : '.';
    lines.push(line);
  }
  return lines.join('\\n');
}
"""
WEFT_TS = """/** A pattern repeats in both directions; every row has the same length. */
export type Pattern = readonly string[];

export function isPlain(pattern: Pattern): boolean {
  return pattern.every((row, index) => [...row].every((mark, at) => (mark === 'x') === ((index + at) % 2 === 0)));
}
"""
MEADOW_RS = """/// Days until the hay is dry enough to turn, by what the sky has been doing.
pub fn days_to_turn(sunny: u32, cloudy: u32, wet: u32) -> u32 {
    let dryness = 3 * sunny + cloudy;
    let wanted = 9 + 4 * wet;
    wanted.saturating_sub(dryness).div_ceil(3)
}
"""
PEBBLE_RS = """//! Sorting pebbles by size, by hand: one pass, two heaps.

/// Splits the pebbles into those lighter than the hand can feel and the rest, keeping their order.
pub fn two_heaps(pebbles: &[u32], feel: u32) -> (Vec<u32>, Vec<u32>) {
    pebbles.iter().copied().partition(|&grams| grams < feel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_light_ones_come_first() {
        assert_eq!(two_heaps(&[5, 1, 7], 4), (vec![1], vec![5, 7]));
    }
}
"""
COPPER_PY = '''"""A kettle's copper, by the year it was tinned."""


def due(tinned: int, year: int, uses_a_day: int) -> bool:
    """Whether the tin is worn: about three thousand fillings."""
    return (year - tinned) * 365 * uses_a_day > 3000
'''
README = """# Harbour clock

A clock that shows the tide instead of the hour. It needs no network: two cosines and a spring tide to begin from.

## Use

    python -m harbour_clock 7.5

prints how high the water stands seven and a half hours after the last spring tide, and when it will be highest.
"""
GENERATED_PY = """# Generated by the protocol buffer compiler.  DO NOT EDIT!
# source: tides.proto
DESCRIPTOR = None
"""
