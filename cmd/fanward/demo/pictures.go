package demo

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strings"
)

// file is what people attach: a drawn picture, or a text.
func (w *world) file(what string) (name string, content io.Reader, err error) {
	name = w.words.Pictures[what]
	if strings.HasSuffix(name, ".txt") {
		return name, strings.NewReader(w.words.Receipt), nil
	}
	var b bytes.Buffer
	err = png.Encode(&b, draw(what))
	return name, &b, err
}

const side = 420

// draw paints a small still life: something round on a table, seen in the light
// of a window.
func draw(what string) image.Image {
	clay, table := color.RGBA{0x8c, 0x4a, 0x38, 0xff}, color.RGBA{0xd9, 0xc7, 0xa8, 0xff}
	switch what {
	case "parcel":
		clay = color.RGBA{0xb5, 0x8a, 0x56, 0xff}
	case "leaf":
		clay, table = color.RGBA{0x6b, 0x8f, 0x3c, 0xff}, color.RGBA{0xef, 0xea, 0xdd, 0xff}
	}
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			m.SetRGBA(x, y, shade(what, float64(x)/side-0.5, float64(y)/side-0.5, clay, table))
		}
	}
	return m
}

// shade is the colour at a place; the middle is the origin.
func shade(what string, x, y float64, clay, table color.RGBA) color.RGBA {
	light := 0.92 - 0.25*(x+y)
	inside := false
	switch what {
	case "parcel":
		inside = math.Abs(x) < 0.3 && y > -0.16 && y < 0.26
		if inside && (math.Abs(x) < 0.03 || math.Abs(y-0.02) < 0.02) {
			light *= 1.25
		}
	case "leaf":
		inside = x*x+y*y < 0.09
	default:
		body := x*x/0.075+(y-0.06)*(y-0.06)/0.045 < 1
		lid := x*x/0.012+(y+0.16)*(y+0.16)/0.0022 < 1 && x < 0.05 // a piece is missing
		spout := math.Abs(y-0.02+0.5*(x-0.3)) < 0.03 && x > 0.2 && x < 0.38
		inside = body || lid || spout
	}
	if !inside {
		return scaled(table, light*1.05)
	}
	return scaled(clay, 1.15-1.1*math.Hypot(x+0.1, y+0.12))
}

func scaled(c color.RGBA, by float64) color.RGBA {
	f := func(v uint8) uint8 { return uint8(max(0, min(255, float64(v)*by))) }
	return color.RGBA{f(c.R), f(c.G), f(c.B), 0xff}
}
