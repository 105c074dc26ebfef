// Package chart draws the charts of a report as SVG text: no script, no font,
// no colour of its own (the page's style sheet gives those by class). The one
// rule: every chart has titled axes, a title and a description that says in
// words what it shows, and the same input gives the same bytes.
package chart

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Size of every chart in its own units; text is 12 units high, so that it stays
// readable on a phone, where a chart is about 350 pixels wide.
const (
	width  = 420.0
	height = 300.0
	left   = 52.0
	right  = 22.0
	top    = 12.0
	bottom = 62.0
)

// Axis is a linear axis. Label gives the text of a tick.
type Axis struct {
	Title string // with its unit
	Min   float64
	Max   float64
	Label func(float64) string
}

// Point is a point of a series, with a whisker from Low to High when High is
// above Low.
type Point struct{ X, Y, Low, High float64 }

// Series is a line, or dots where Dots is set. Class is one of "a", "b", "c",
// "d": the style sheet's colours; dashes tell series apart without colour.
type Series struct {
	Name   string
	Class  string
	Points []Point
	Dots   bool
	Dashed bool
	Filled bool // the area down to the axis, lightly
}

// Frame is what all charts have.
type Frame struct {
	ID    string // unique in the page, letters and dashes
	Title string
	Desc  string
	X     Axis
	Y     Axis
}

// Lines draws series over two linear axes.
func Lines(frame Frame, series []Series) string {
	c := newCanvas(frame)
	c.grid(ticks(frame.X.Min, frame.X.Max, 5), nil)
	for i := range series {
		c.series(&series[i])
	}
	entries := make([]entry, len(series))
	for i, s := range series {
		entries[i] = entry{s.Name, s.Class, s.Dashed, s.Dots}
	}
	c.legend(entries)
	return c.close()
}

// Stack is one part of each bar; Values go with the categories.
type Stack struct {
	Name   string
	Class  string
	Values []float64
}

// Bars draws stacked bars by category. Categories without room for a name go
// without one. The X axis needs a title only.
func Bars(frame Frame, categories []string, stacks []Stack) string {
	frame.X.Min, frame.X.Max = 0, float64(max(len(categories), 1))
	if frame.Y.Max <= frame.Y.Min {
		frame.Y.Max = frame.Y.Min + 1
		for i := range categories {
			frame.Y.Max = max(frame.Y.Max, sum(stacks, i))
		}
		frame.Y.Max = roomAbove(frame.Y.Max)
	}
	c := newCanvas(frame)
	c.grid(nil, categories)
	for i := range categories {
		base := 0.0
		for _, stack := range stacks {
			if i >= len(stack.Values) || stack.Values[i] <= 0 {
				continue
			}
			from, to := c.y(base), c.y(base+stack.Values[i])
			x, room := c.x(float64(i)), c.x(float64(i)+1)-c.x(float64(i))
			fmt.Fprintf(&c.out, `<rect class="fill %s" x="%s" y="%s" width="%s" height="%s"/>`, stack.Class, num(x+room*0.1), num(to), num(room*0.8), num(from-to))
			base += stack.Values[i]
		}
	}
	entries := make([]entry, len(stacks))
	for i, s := range stacks {
		entries[i] = entry{name: s.Name, class: s.Class, filled: true}
	}
	c.legend(entries)
	return c.close()
}

func sum(stacks []Stack, at int) float64 {
	total := 0.0
	for _, stack := range stacks {
		if at < len(stack.Values) {
			total += stack.Values[at]
		}
	}
	return total
}

// roomAbove rounds up to the next tick.
func roomAbove(top float64) float64 {
	marks := ticks(0, top, 5)
	if len(marks) < 2 {
		return top
	}
	step := marks[1] - marks[0]
	return math.Ceil(top/step-1e-9) * step
}

// entry is one line of a legend.
type entry struct {
	name   string
	class  string
	dashed bool
	filled bool
}

// canvas is a chart in the making.
type canvas struct {
	frame Frame
	out   strings.Builder
}

func newCanvas(frame Frame) *canvas {
	c := &canvas{frame: frame}
	id := html.EscapeString(frame.ID)
	fmt.Fprintf(&c.out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-title %s-desc">`, num(width), num(height), id, id)
	fmt.Fprintf(&c.out, `<title id="%s-title">%s</title><desc id="%s-desc">%s</desc>`, id, html.EscapeString(frame.Title), id, html.EscapeString(frame.Desc))
	return c
}

func (c *canvas) x(v float64) float64 {
	return left + (clamp(v, c.frame.X)-c.frame.X.Min)/(c.frame.X.Max-c.frame.X.Min)*(width-left-right)
}

func (c *canvas) y(v float64) float64 {
	return height - bottom - (clamp(v, c.frame.Y)-c.frame.Y.Min)/(c.frame.Y.Max-c.frame.Y.Min)*(height-top-bottom)
}

func clamp(v float64, axis Axis) float64 { return min(max(v, axis.Min), axis.Max) }

// grid draws axes, ticks and titles; the X axis has ticks or categories.
func (c *canvas) grid(xs []float64, categories []string) {
	for _, v := range ticks(c.frame.Y.Min, c.frame.Y.Max, 5) {
		y := num(c.y(v))
		fmt.Fprintf(&c.out, `<line class="grid" x1="%s" y1="%s" x2="%s" y2="%s"/>`, num(left), y, num(width-right), y)
		c.text(left-5, c.y(v)+4, "end", label(c.frame.Y, v))
	}
	base := height - bottom
	for _, v := range xs {
		fmt.Fprintf(&c.out, `<line class="grid" x1="%s" y1="%s" x2="%s" y2="%s"/>`, num(c.x(v)), num(top), num(c.x(v)), num(base))
		c.text(c.x(v), base+15, "middle", label(c.frame.X, v))
	}
	longest := 1
	for _, name := range categories {
		longest = max(longest, len(name))
	}
	// A character of the font is about 7 units wide.
	every := max(1, int(math.Ceil(float64(len(categories))*(7*float64(longest)+8)/(width-left-right))))
	for i, name := range categories {
		if i%every == 0 {
			c.text(c.x(float64(i)+0.5), base+15, "middle", name)
		}
	}
	fmt.Fprintf(&c.out, `<path class="axis" d="M%s %sV%sH%s"/>`, num(left), num(top), num(base), num(width-right))
	c.text(left+(width-left-right)/2, base+32, "middle", c.frame.X.Title)
	fmt.Fprintf(&c.out, `<text class="label" transform="translate(12 %s) rotate(-90)" text-anchor="middle">%s</text>`, num(top+(base-top)/2), html.EscapeString(c.frame.Y.Title))
}

func label(axis Axis, v float64) string {
	if axis.Label != nil {
		return axis.Label(v)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

func (c *canvas) text(x, y float64, anchor, text string) {
	fmt.Fprintf(&c.out, `<text class="label" x="%s" y="%s" text-anchor="%s">%s</text>`, num(x), num(y), anchor, html.EscapeString(text))
}

func (c *canvas) series(s *Series) {
	if len(s.Points) == 0 {
		return
	}
	if s.Dots {
		for _, p := range s.Points {
			if p.High > p.Low {
				fmt.Fprintf(&c.out, `<line class="stroke %s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, s.Class, num(c.x(p.X)), num(c.y(p.Low)), num(c.x(p.X)), num(c.y(p.High)))
			}
			fmt.Fprintf(&c.out, `<circle class="fill %s" cx="%s" cy="%s" r="3.5"/>`, s.Class, num(c.x(p.X)), num(c.y(p.Y)))
		}
		return
	}
	var path strings.Builder
	for i, p := range s.Points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%s %s", command, num(c.x(p.X)), num(c.y(p.Y)))
	}
	if s.Filled {
		base := num(c.y(c.frame.Y.Min))
		fmt.Fprintf(&c.out, `<path class="area %s" d="%sV%sH%sZ"/>`, s.Class, path.String(), base, num(c.x(s.Points[0].X)))
	}
	dashed := ""
	if s.Dashed {
		dashed = " dashed"
	}
	fmt.Fprintf(&c.out, `<path class="stroke %s%s" d="%s"/>`, s.Class, dashed, path.String())
}

// legend stands below the X axis, one row.
func (c *canvas) legend(entries []entry) {
	x, y := left, height-12.0
	for _, e := range entries {
		if e.name == "" {
			continue
		}
		switch {
		case e.filled:
			fmt.Fprintf(&c.out, `<rect class="fill %s" x="%s" y="%s" width="12" height="10"/>`, e.class, num(x+4), num(y-9))
		default:
			dashed := ""
			if e.dashed {
				dashed = " dashed"
			}
			fmt.Fprintf(&c.out, `<path class="stroke %s%s" d="M%s %sh20"/>`, e.class, dashed, num(x), num(y-4))
		}
		c.text(x+25, y, "start", e.name)
		x += 25 + textWidth(e.name) + 14
	}
}

// textWidth estimates a text's width: a Latin letter about 6.5 units, a Chinese
// one 12.
func textWidth(text string) float64 {
	total := 0.0
	for _, r := range text {
		if r > 0x2E80 {
			total += 12
		} else {
			total += 6.5
		}
	}
	return total
}

func (c *canvas) close() string {
	c.out.WriteString("</svg>")
	return c.out.String()
}

// ticks gives round numbers from low to high, about as many as wanted.
func ticks(low, high float64, wanted int) []float64 {
	if !(high > low) {
		return []float64{low}
	}
	raw := (high - low) / float64(wanted)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, times := range []float64{1, 2, 2.5, 5} {
		if times*power >= raw-1e-12 {
			step = times * power
			break
		}
	}
	var list []float64
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9; i++ {
		list = append(list, i*step+0) // no negative zero
	}
	return list
}

// num writes a coordinate with one decimal at most.
func num(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}
