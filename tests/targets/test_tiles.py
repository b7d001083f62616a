"""Register tiles of pixels."""

from __future__ import annotations

from onnxc.targets.cpu.schedules.tiles import usual_pixel_tile


def test_tiles_divide_the_image_and_fill_the_registers() -> None:
    assert usual_pixel_tile(14, 14, 28) == (2, 14)
    assert usual_pixel_tile(112, 112, 28) == (1, 28)


def test_images_without_good_divisors_take_the_next_larger_tile_only_where_sums_are_few() -> None:
    assert usual_pixel_tile(7, 7, 28) == (1, 7)  # not 49 sums in 28 registers
    assert usual_pixel_tile(7, 7, 6) == (1, 7)  # not one
    assert usual_pixel_tile(13, 13, 6) == (1, 13)
    assert usual_pixel_tile(1, 1, 28) == (1, 1)
