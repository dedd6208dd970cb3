package main

import "testing"

func TestGCPercent(t *testing.T) {
	for _, tt := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing yet", 0, 400},
		{"a small message center", 32 << 20, 200},
		{"as usual", 64 << 20, 100},
		{"where a quarter is as much", 256 << 20, 25},
		{"very much", 8 << 30, 25},
	} {
		if got := gcPercent(tt.live); got != tt.want {
			t.Errorf("%s: %d per cent of %d; want %d", tt.name, got, tt.live, tt.want)
		}
	}
}
