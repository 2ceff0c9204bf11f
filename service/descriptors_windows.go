package service

import "math"

// maxDescriptors returns no limit: memory alone bounds how many handles a process has.
func maxDescriptors() int { return math.MaxInt }
