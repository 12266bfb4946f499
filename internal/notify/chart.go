package notify

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
)

// A chart of a digest in pixels: twice what a mail program shows, for fine screens.
const (
	chartWidth, chartHeight = 960, 240
	chartMargin             = 16
	chartStroke             = 2.5 // half a line's width
)

var (
	chartPaper = color.RGBA{0xff, 0xff, 0xff, 0xff}
	chartInk   = color.RGBA{0x2f, 0x4b, 0x7c, 0xff}
)

// chart draws the value of the first portfolio by day as a PNG; nil where there is nothing to draw. Mail programs show no SVG.
func (d *Digest) chart() []byte {
	if len(d.Portfolios) == 0 || len(d.Portfolios[0].Line) < 2 {
		return nil
	}
	points := plotted(d.Portfolios[0].Line)
	picture := image.NewPaletted(image.Rect(0, 0, chartWidth, chartHeight), shades())
	for i := 1; i < len(points); i++ {
		stroke(picture, points[i-1], points[i])
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		panic(fmt.Sprintf("notify: a chart isn't drawn: %v", err)) // into memory
	}
	return out.Bytes()
}

type point struct{ x, y float64 }

// plotted spreads values over the picture, the least at its foot.
func plotted(values []float64) []point {
	least, most := values[0], values[0]
	for _, v := range values {
		least, most = min(least, v), max(most, v)
	}
	span := most - least
	if span == 0 {
		least, span = least-1, 2 // a level line, in the middle
	}
	points := make([]point, len(values))
	for i, v := range values {
		points[i] = point{
			x: chartMargin + float64(i)/float64(len(values)-1)*(chartWidth-2*chartMargin),
			y: chartHeight - chartMargin - (v-least)/span*(chartHeight-2*chartMargin),
		}
	}
	return points
}

// shades go from paper to ink.
func shades() color.Palette {
	const steps = 16
	all := make(color.Palette, steps)
	for i := range all {
		mix := func(from, to uint8) uint8 { return uint8((int(from)*(steps-1-i) + int(to)*i) / (steps - 1)) }
		all[i] = color.RGBA{mix(chartPaper.R, chartInk.R), mix(chartPaper.G, chartInk.G), mix(chartPaper.B, chartInk.B), 0xff}
	}
	return all
}

// stroke draws a line between two points, its edge softened over one pixel.
func stroke(picture *image.Paletted, from, to point) {
	const reach = chartStroke + 1
	darkest := len(picture.Palette) - 1
	for y := int(min(from.y, to.y) - reach); y <= int(max(from.y, to.y)+reach); y++ {
		for x := int(from.x - reach); x <= int(to.x+reach); x++ {
			if !image.Pt(x, y).In(picture.Rect) {
				continue
			}
			cover := min(max(chartStroke+0.5-distance(point{float64(x), float64(y)}, from, to), 0), 1)
			if shade := uint8(math.Round(cover * float64(darkest))); shade > picture.ColorIndexAt(x, y) {
				picture.SetColorIndex(x, y, shade)
			}
		}
	}
}

// distance is how far a point is from the line between two others.
func distance(p, from, to point) float64 {
	dx, dy := to.x-from.x, to.y-from.y
	along := 0.0
	if length := dx*dx + dy*dy; length > 0 {
		along = min(max(((p.x-from.x)*dx+(p.y-from.y)*dy)/length, 0), 1)
	}
	return math.Hypot(p.x-from.x-along*dx, p.y-from.y-along*dy)
}
