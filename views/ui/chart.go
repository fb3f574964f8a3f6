package ui

import (
	"math"
	"strconv"
)

// maxChartPoints bounds a chart; more are cut off at the left, oldest first. Callers
// bucket in the database.
const maxChartPoints = 300

// ChartData is a stacked bar chart over time.
type ChartData struct {
	Title, Unit string
	// Series are the layers of a bar, bottom first.
	Series []ChartSeries
	// Points are the bars, oldest first.
	Points []ChartPoint
}

// ChartSeries is one layer of the bars.
type ChartSeries struct {
	Name string
	Tone Tone
}

// ChartPoint is one bar: its label and one value a series.
type ChartPoint struct {
	Label  string
	Values []float64
	// Href leads to the list of what the bar counts; may be empty.
	Href string
}

// StatTile is one number with its name.
type StatTile struct {
	Label, Value, Unit string
	// Note is a short line below: "3 more than yesterday".
	Note string
	Tone Tone
	// Href leads to the list the number counts; the whole tile is the link.
	Href string
	// Spark draws a small line below, oldest first; fewer than two values draw nothing.
	Spark []float64
}

// The plot is as wide as the page allows and chartHeight px high: across, places are
// in per cent, so that text and lines keep their size; down, they are in px.
const (
	chartTop  = 8.0
	chartPlot = 152.0
)

// bar is one rectangle of a chart; x and width are in per cent.
type bar struct {
	x, y, width, height string
	tone                Tone
	text                string
}

func (d ChartData) shown() []ChartPoint {
	if len(d.Points) > maxChartPoints {
		return d.Points[len(d.Points)-maxChartPoints:]
	}
	return d.Points
}

// nothing tells that there is no bar to draw.
func (d ChartData) nothing() bool { return len(d.bars()) == 0 }

// top is the round number at the top of the axis.
func (d ChartData) top() float64 {
	highest := 0.0
	for _, p := range d.shown() {
		sum := 0.0
		for _, v := range p.Values {
			sum += height(v)
		}
		highest = max(highest, sum)
	}
	return niceTop(highest)
}

// highestValue bounds what is drawn, so that no sum of a bar is infinite.
const highestValue = 1e300

// height is a value as it can be drawn: from zero up, and a number.
func height(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, 0), highestValue)
}

// niceTop is the smallest of 1, 2, 4, 5, 10 times a power of ten that is not below v;
// all but 5 are cut in whole halves.
func niceTop(v float64) float64 {
	if v <= 4 {
		return 4
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 6, 8, 10} {
		if v <= m*power {
			return m * power
		}
	}
	return 10 * power
}

func (d ChartData) bars() []bar {
	points, top := d.shown(), d.top()
	if len(points) == 0 {
		return nil
	}
	step := 100 / float64(len(points))
	var bars []bar
	for i, p := range points {
		y := chartTop + chartPlot
		for k, v := range p.Values {
			if v = height(v); v <= 0 || k >= len(d.Series) {
				continue
			}
			h := v / top * chartPlot
			y -= h
			bars = append(bars, bar{
				x: percent((float64(i) + 0.12) * step), y: coord(y),
				width: percent(step * 0.76), height: coord(h),
				tone: d.Series[k].Tone,
				text: p.Label + ": " + number(v) + " " + d.Series[k].Name,
			})
		}
	}
	return bars
}

// chartTick is a line across the plot with its number.
type chartTick struct{ y, label string }

func (d ChartData) yTicks() []chartTick {
	top := d.top()
	var ticks []chartTick
	for _, part := range []float64{0, 0.5, 1} {
		ticks = append(ticks, chartTick{y: coord(chartTop + (1-part)*chartPlot), label: number(top * part)})
	}
	return ticks
}

// chartMark is a label below the plot.
type chartMark struct{ x, label, anchor string }

// xMarks names about six bars, the first among them.
func (d ChartData) xMarks() []chartMark {
	points := d.shown()
	n := len(points)
	if n == 0 {
		return nil
	}
	step := 100 / float64(n)
	every := max(1, int(math.Ceil(float64(n)/6)))
	var marks []chartMark
	for i := 0; i < n; i += every {
		mark := chartMark{x: percent((float64(i) + 0.5) * step), label: points[i].Label, anchor: "middle"}
		if i == 0 {
			mark.x, mark.anchor = "0%", "start"
		}
		marks = append(marks, mark)
	}
	return marks
}

// sparkPath is a line through values in a box of 120 by 28.
func sparkPath(values []float64) string {
	if len(values) > maxChartPoints {
		values = values[len(values)-maxChartPoints:]
	}
	highest := 0.0
	for _, v := range values {
		highest = max(highest, height(v))
	}
	if highest == 0 {
		highest = 1
	}
	path := ""
	for i, v := range values {
		x := float64(i) / float64(max(len(values)-1, 1)) * 118
		y := 26 - height(v)/highest*24
		if i == 0 {
			path = "M"
		} else {
			path += " L"
		}
		path += coord(x+1) + " " + coord(y)
	}
	return path
}

func coord(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// percent is v to a hundredth, since a bar of 300 is a third of a per cent wide.
func percent(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) + "%"
}

// number is v without a fraction where it has none.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return groupThousands(int64(v))
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// value is the k-th number of the bar as text; a missing one is zero.
func (p ChartPoint) value(k int) string {
	if k >= len(p.Values) {
		return "0"
	}
	return number(p.Values[k])
}
