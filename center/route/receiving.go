package route

import (
	"maps"
	"slices"
)

// Receiving returns the accounts that have a session which can be delivered to,
// in order.
func (t *Table) Receiving() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var bound []string
	for _, account := range slices.Sorted(maps.Keys(t.accounts)) {
		if t.accounts[account].window.Load() > 0 {
			bound = append(bound, account)
		}
	}
	return bound
}
