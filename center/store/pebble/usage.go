package pebble

// Usage is how much of the disk a store takes, and what is left.
type Usage struct {
	Disk, Free uint64 // octets
	Full       bool   // new messages are refused; see Options.Reserve
}

// Usage returns the numbers of now. Unlike Stats it reads nothing.
func (s *Store) Usage() Usage {
	if s.enter() != nil {
		return Usage{}
	}
	defer s.leave()
	u := Usage{Disk: s.db.Metrics().DiskSpaceUsage(), Full: !s.room.Load()}
	if d, err := s.fs.GetDiskUsage(s.dir); err == nil {
		u.Free = d.AvailBytes
	}
	return u
}
