package handset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// A Distribution is how long attempts take. The zero value is none. Constant,
// Uniform, Normal, Exponential and ParseDistribution make others. Nothing takes
// less than no time: what a normal distribution has below zero is zero.
type Distribution struct {
	shape shape
	// a and b are the least and the most (uniform), or mean and standard deviation
	// (normal); a alone is the mean (exponential) or everything (constant).
	a, b time.Duration
}

type shape uint8

const (
	none shape = iota
	constant
	uniform
	normal
	exponential
)

// Constant returns the distribution in which everything takes d.
func Constant(d time.Duration) Distribution { return Distribution{shape: constant, a: d} }

// Uniform returns the one in which everything from least to most is as likely.
func Uniform(least, most time.Duration) Distribution {
	return Distribution{shape: uniform, a: least, b: most}
}

// Normal returns the normal distribution of a mean and a standard deviation.
func Normal(mean, sd time.Duration) Distribution {
	return Distribution{shape: normal, a: mean, b: sd}
}

// Exponential returns the exponential distribution of a mean.
func Exponential(mean time.Duration) Distribution { return Distribution{shape: exponential, a: mean} }

func (d Distribution) constant() (time.Duration, bool) { return d.a, d.shape == constant }

// longest is the longest parameter of a distribution: there is room for the
// tails.
const longest = 365 * 24 * time.Hour

func (d Distribution) check() error {
	switch {
	case d.a < 0 || d.b < 0:
		return fmt.Errorf("%v: nothing takes less than no time", d)
	case d.a > longest || d.b > longest:
		return fmt.Errorf("%v: a year is the most", d)
	case d.shape == uniform && d.a > d.b:
		return fmt.Errorf("%v: the second has to be as long as the first at least", d)
	}
	return nil
}

// Percentile returns the time that p percent of all take at most. p is more than
// 0 and less than 100.
func (d Distribution) Percentile(p float64) time.Duration {
	p /= 100
	switch d.shape {
	case uniform:
		return d.a + time.Duration(p*float64(d.b-d.a))
	case normal:
		return max(0, d.a+time.Duration(quantile(p)*float64(d.b)))
	case exponential:
		return time.Duration(-math.Log(1-p) * float64(d.a))
	}
	return d.a
}

// quantile is that of the standard normal distribution.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// draw returns a time.
func (d Distribution) draw(rnd *rand.Rand) time.Duration {
	switch d.shape {
	case uniform:
		return d.a + time.Duration(rnd.Int64N(int64(d.b-d.a)+1))
	case normal:
		return max(0, d.a+time.Duration(rnd.NormFloat64()*float64(d.b)))
	case exponential:
		return time.Duration(rnd.ExpFloat64() * float64(d.a))
	}
	return d.a
}

// String returns the text that ParseDistribution reads; it is empty if there is
// none.
func (d Distribution) String() string {
	switch d.shape {
	case constant:
		return d.a.String()
	case uniform:
		return d.a.String() + ".." + d.b.String()
	case normal:
		return fmt.Sprintf("normal(%v sd=%v)", d.a, d.b)
	case exponential:
		return fmt.Sprintf("exponential(%v)", d.a)
	}
	return ""
}

// ParseDistribution reads a time (1s), a range (1s..3s), or one of
//
//	exponential(1s)          its mean
//	exponential(p95=3s)      or what 95 % take at most
//	normal(1s sd=200ms)      its mean and standard deviation
//	normal(1s p99=2s)        or, instead of that, what 99 % take at most
func ParseDistribution(s string) (Distribution, error) {
	d, err := parseDistribution(s)
	if err == nil {
		err = d.check()
	}
	if err != nil {
		return Distribution{}, err
	}
	return d, nil
}

func parseDistribution(s string) (Distribution, error) {
	name, arguments, ok := strings.Cut(s, "(")
	if !ok {
		least, most, isRange := strings.Cut(s, "..")
		a, err := parseTime(least)
		if err != nil || !isRange {
			return Constant(a), err
		}
		b, err := parseTime(most)
		return Uniform(a, b), err
	}
	arguments, ok = strings.CutSuffix(arguments, ")")
	words := strings.Fields(arguments)
	if !ok {
		return Distribution{}, fmt.Errorf("the closing parenthesis is missing")
	}
	switch {
	case name == "exponential" && len(words) == 1:
		p, t, isPercentile, err := parsePercentile(words[0], 0)
		if err != nil {
			return Distribution{}, err
		}
		if isPercentile {
			t = scaled(t, -1/math.Log(1-p))
		}
		return Exponential(t), nil
	case name == "normal" && len(words) == 2:
		mean, err := parseTime(words[0])
		if err != nil {
			return Distribution{}, err
		}
		if sd, ok := strings.CutPrefix(words[1], "sd="); ok {
			t, err := parseTime(sd)
			return Normal(mean, t), err
		}
		p, t, isPercentile, err := parsePercentile(words[1], 50)
		switch {
		case err != nil:
			return Distribution{}, err
		case !isPercentile:
			return Distribution{}, fmt.Errorf("%q: sd=TIME or a percentile such as p95=TIME is required", words[1])
		case t < mean:
			return Distribution{}, fmt.Errorf("%q: it is less than the mean, %v", words[1], mean)
		}
		return Normal(mean, scaled(t-mean, 1/quantile(p))), nil
	case name == "exponential", name == "normal":
		return Distribution{}, fmt.Errorf("exponential has one argument, normal two with a blank between them, such as exponential(1s) and normal(1s sd=200ms)")
	}
	return Distribution{}, fmt.Errorf("distribution %q: exponential and normal are known", name)
}

// scaled returns a time f times as long, or one that is too long.
func scaled(t time.Duration, f float64) time.Duration {
	x := float64(t) * f
	if !(x < float64(2*longest)) {
		return 2 * longest
	}
	return time.Duration(x)
}

func parseTime(s string) (time.Duration, error) {
	t, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q: a duration such as 100ms is required", s)
	case t < 0:
		return 0, fmt.Errorf("%q: nothing takes less than no time", s)
	}
	return t, nil
}

// parsePercentile reads p95=3s or, as none, 3s. The percentage is more than
// least.
func parsePercentile(s string, least float64) (p float64, t time.Duration, is bool, err error) {
	percent, value, is := strings.Cut(s, "=")
	if !is {
		t, err = parseTime(s)
		return 0, t, false, err
	}
	digits, ok := strings.CutPrefix(percent, "p")
	p, err = strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(p > least && p < 100) {
		return 0, 0, true, fmt.Errorf("%q: a percentile from p%v to p100, both excluded, such as p95=3s, is required", s, least)
	}
	t, err = parseTime(value)
	return p / 100, t, true, err
}
