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

// attached is a file of a message.
type attached struct {
	name, kind string
	content    io.Reader
}

// file is what people attach: the company that an invoice is for, or a drawn
// picture of a teapot.
func (w *world) file(what string) (attached, error) {
	a := attached{name: w.words.Files[what]}
	if what == "receipt" {
		a.kind, a.content = "text/plain; charset=utf-8", strings.NewReader(w.words.Receipt)
		return a, nil
	}
	var b bytes.Buffer
	a.kind, a.content = "image/png", &b
	return a, png.Encode(&b, draw())
}

const side = 420

// draw paints a small still life: a teapot on a table, seen in the light of a
// window.
func draw() image.Image {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			m.SetRGBA(x, y, shade(float64(x)/side-0.5, float64(y)/side-0.5))
		}
	}
	return m
}

var clay, table = color.RGBA{0x8c, 0x4a, 0x38, 0xff}, color.RGBA{0xd9, 0xc7, 0xa8, 0xff}

// shade is the colour at a place; the middle is the origin.
func shade(x, y float64) color.RGBA {
	body := x*x/0.075+(y-0.06)*(y-0.06)/0.045 < 1
	lid := x*x/0.012+(y+0.16)*(y+0.16)/0.0022 < 1 && x < 0.05 // a piece is missing
	spout := math.Abs(y-0.02+0.5*(x-0.3)) < 0.03 && x > 0.2 && x < 0.38
	if body || lid || spout {
		return scaled(clay, 1.15-1.1*math.Hypot(x+0.1, y+0.12))
	}
	return scaled(table, (0.92-0.25*(x+y))*1.05)
}

func scaled(c color.RGBA, by float64) color.RGBA {
	f := func(v uint8) uint8 { return uint8(max(0, min(255, float64(v)*by))) }
	return color.RGBA{f(c.R), f(c.G), f(c.B), 0xff}
}
