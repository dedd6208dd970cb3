package dispatch

import "time"

// Settings are what can change while a Dispatcher works; see Config for what
// they mean, and for what zero does.
type Settings struct {
	Retry                     []time.Duration
	MaxWaiting, MaxPerAccount int
}

// Set puts other settings in the place of those of the Config. Pauses that have
// begun last as long as they were to; what waits beyond new limits goes on to.
func (d *Dispatcher) Set(s Settings) {
	s = s.withDefaults()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cfg.Retry, d.cfg.MaxWaiting, d.cfg.MaxPerAccount = s.Retry, s.MaxWaiting, s.MaxPerAccount
}

func (s Settings) withDefaults() Settings {
	if len(s.Retry) == 0 {
		s.Retry = DefaultRetry()
	}
	if s.MaxWaiting <= 0 {
		s.MaxWaiting = DefaultMaxWaiting
	}
	if s.MaxPerAccount <= 0 {
		s.MaxPerAccount = max(s.MaxWaiting/2, 1)
	}
	return s
}
