package chart

import "math"

// axis is a scale from a first number to a last one, with a grid line at each step.
type axis struct{ first, last, step float64 }

// maxSteps bounds the steps of an axis.
const maxSteps = 4

// newAxis returns the axis on which zero and the numbers from low to high stand. Of whole things a step is a whole number.
func newAxis(low, high float64, whole bool) axis {
	low, high = min(finite(low), 0), max(finite(high), 0)
	if low == high {
		high = 1
	}
	step := nice((high - low) / maxSteps)
	if whole {
		step = max(1, step)
	}
	return axis{math.Floor(low/step) * step, math.Ceil(high/step) * step, step}
}

// nice returns the least of 1, 2, 5, 10, 20, … that is not below n.
func nice(n float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(n)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= n*(1-1e-9) {
			return factor * power
		}
	}
	return 10 * power
}

// steps are the numbers at the grid lines.
func (a axis) steps() []float64 {
	n := int(math.Round((a.last - a.first) / a.step))
	list := make([]float64, 0, n+1)
	for i := range n + 1 {
		list = append(list, a.first+float64(i)*a.step)
	}
	return list
}

// units returns how long n is where the axis is so long.
func (a axis) units(n, length float64) float64 { return finite(n) / (a.last - a.first) * length }

// finite returns n, and zero for what is no number. Numbers above are bounded, so that their sums are finite too.
func finite(n float64) float64 {
	const most = 1e200
	if math.IsNaN(n) {
		return 0
	}
	return min(max(n, -most), most)
}

// labels returns the names of slots from left on, as many of them as stand in the picture and beside one another.
func labels(names []string, left, slot, y float64) (marks []Mark) {
	end := math.Inf(-1)
	for i, step := 0, every(names, slot); i < len(names); i += step {
		half := wide(names[i]) / 2
		middle := max(half, min(left+(float64(i)+0.5)*slot, width-half))
		if middle-half > end {
			marks, end = append(marks, label("quiet", "middle", names[i], middle, y)), middle+half
		}
	}
	return marks
}

// every returns the least step of a list of labels, in slots of a width, at which none overlaps the next.
func every(labels []string, slot float64) int {
	widest := 0.0
	for _, s := range labels {
		widest = max(widest, wide(s))
	}
	need := int(math.Ceil((widest + 6) / slot))
	for _, step := range []int{1, 2, 5, 10, 20, 50, 100} {
		if step >= need {
			return step
		}
	}
	return need
}

// lengths returns how long each value is drawn. What is more than nothing has at least the length [least], which the longest has less.
func lengths(values []float64, of func(float64) float64) []float64 {
	list, longest, more := make([]float64, len(values)), 0, 0.0
	for i, v := range values {
		n := math.Abs(of(v))
		if list[i] = n; v != 0 && n < least {
			list[i], more = least, more+least-n
		}
		if list[i] > list[longest] {
			longest = i
		}
	}
	if len(list) > 0 && list[longest] > more+least {
		list[longest] -= more
	}
	return list
}
