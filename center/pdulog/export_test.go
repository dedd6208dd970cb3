package pdulog

// Mask masks a frame in place.
func Mask(cfg Config, frame []byte) { newMasker(cfg).mask(frame) }
