package netdev

// EventLimit is how many events wait for a reader.
const EventLimit = 256

// PostEvent puts an event into what Stack.Events returns, a channel of
// EventLimit; the oldest make room. One goroutine may post at a time.
func PostEvent(events chan LinkEvent, e LinkEvent) {
	for {
		select {
		case events <- e:
			return
		default:
		}
		select {
		case <-events:
		default:
		}
	}
}
