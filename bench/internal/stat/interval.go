// Package stat computes what a comparison of noisy measurements can say: an estimate and its 95 % interval.
package stat

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Interval is an estimate with the ends of its 95 % interval.
type Interval struct{ Low, Mid, High float64 }

// Format shows the interval with a format for each of its numbers.
func (i Interval) Format(verb string) string {
	return fmt.Sprintf(verb+" ["+verb+", "+verb+"]", i.Mid, i.Low, i.High)
}

// resamples is how many samples the bootstrap draws.
const resamples = 2000

// Bootstrap estimates a statistic of n independent measurements. statistic is given the numbers of those to use, some of
// them several times.
func Bootstrap(n int, statistic func(chosen []int) float64) Interval {
	random := rand.New(rand.NewPCG(1, 2)) // the same data give the same interval
	chosen := make([]int, n)
	for i := range chosen {
		chosen[i] = i
	}
	mid := statistic(chosen)
	values := make([]float64, resamples)
	for i := range values {
		for j := range chosen {
			chosen[j] = random.IntN(n)
		}
		values[i] = statistic(chosen)
	}
	slices.Sort(values)
	return Interval{Low: values[resamples*25/1000], Mid: mid, High: values[resamples*975/1000]}
}

// MedianOf is Bootstrap of the median of some values.
func MedianOf(values []float64) Interval {
	picked := make([]float64, len(values))
	return Bootstrap(len(values), func(chosen []int) float64 {
		for i, c := range chosen {
			picked[i] = values[c]
		}
		return Median(picked)
	})
}

// Median sorts the values and returns the middle one.
func Median(values []float64) float64 { return Quantile(values, 0.5) }

// Quantile sorts the values and returns the one that the part q of them does not exceed.
func Quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}
