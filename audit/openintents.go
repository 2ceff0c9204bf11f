package audit

import "math"

// openIntents are the intents that were taken and whose outcome was not: the number of the record, by call.
type openIntents map[string]uint64

// oldest returns the first of them, or a number that is beyond all records.
func (o openIntents) oldest() uint64 {
	first := uint64(math.MaxUint64)
	for _, seq := range o {
		first = min(first, seq)
	}
	return first
}
