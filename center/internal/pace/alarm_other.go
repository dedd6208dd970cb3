//go:build !linux

package pace

import "time"

// An alarm sleeps, as well as the runtime can.
type alarm struct{}

func newAlarm() alarm { return alarm{} }

func (alarm) sleep(d time.Duration) { <-time.After(d) }

func (alarm) close() {}
