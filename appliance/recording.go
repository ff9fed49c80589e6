package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"coterie/modes"
)

// recordingFile says, in NVRAM, that the device records from its next boot on.
// A recording begins with the engines, because a replay does: what they did
// before cannot be given to them again.
const recordingFile = "recording"

// recordingOrder is the content of recordingFile.
type recordingOrder struct {
	File modes.File
	Keys bool
}

// recorder writes a recording into memory, and into its file when it ends.
type recorder struct {
	order recordingOrder

	mu    sync.Mutex
	text  bytes.Buffer
	lines int
	ended bool // too long, or stopped
	saved bool
}

var _ modes.Recorder = (*Appliance)(nil)

// startRecording begins what `debug gdoi record` has ordered before the last
// boot; nil: nothing.
func (a *Appliance) startRecording() *tape {
	order, ok := a.recordingOrder()
	if !ok {
		return nil
	}
	r := &recorder{order: order}
	head, err := json.Marshal(recordingHead{
		Recording: recordingName, Version: recordingVersion, Program: a.cfg.Version.Number,
		Device: a.cfg.Name, Began: a.cfg.Clock.Now().UTC(), Keys: order.Keys,
	})
	if err != nil {
		return nil
	}
	r.text.Write(append(head, '\n'))
	a.recording = r
	return &tape{keys: order.Keys, hear: r.hear}
}

func (a *Appliance) recordingOrder() (o recordingOrder, ok bool) {
	b, err := a.cfg.Files.Read(recordingFile)
	return o, err == nil && json.Unmarshal(b, &o) == nil
}

// hear writes one entry down. A recording that has grown too long ends before
// an input, so that it can be replayed up to there.
func (r *recorder) hear(e entry) {
	line := marshal(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	consequence := e.output() || e.Kind == "random"
	if r.ended = r.ended || !consequence && r.text.Len() >= longestRecording; !r.ended {
		r.text.Write(append(line, '\n'))
		r.lines++
	}
}

// Record is `debug gdoi record FILE [with-keys]`.
func (a *Appliance) Record(_ context.Context, f modes.File, keys bool) error {
	if r := a.recording; r != nil && r.running() {
		return fmt.Errorf("%% Recording to %s already", r.order.File)
	}
	if _, err := storedName(f); err != nil {
		return fmt.Errorf("%%Error opening %s (%w)", f, cause(err))
	}
	b, err := json.Marshal(recordingOrder{f, keys})
	if err == nil {
		err = a.cfg.Files.Write(recordingFile, b)
	}
	return err
}

// StopRecording is `undebug gdoi record`. It returns the number of lines
// written; zero means that recording had not begun.
func (a *Appliance) StopRecording(ctx context.Context) (modes.File, int, error) {
	order, ok := a.recordingOrder()
	if ok {
		if err := a.cfg.Files.Remove(recordingFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return order.File, 0, err
		}
	}
	r := a.recording
	if r == nil || !r.running() {
		if !ok {
			return order.File, 0, errors.New("% Nothing is being recorded")
		}
		return order.File, 0, nil
	}
	if err := a.do(ctx, func(time.Time) { a.ctl.tape = nil }); err != nil {
		return r.order.File, 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended = true; r.saved {
		return r.order.File, 0, errors.New("% Nothing is being recorded") // somebody else was faster
	}
	if err := a.WriteFile(r.order.File, r.text.Bytes()); err != nil {
		return r.order.File, 0, err // may be tried again
	}
	r.saved = true
	r.text.Reset()
	return r.order.File, r.lines, nil
}

// running tells that there is something that is not in its file yet.
func (r *recorder) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.saved
}

// Recording tells what is recorded now, for `show debugging`.
func (a *Appliance) Recording() (f modes.File, keys, begun, ok bool) {
	if r := a.recording; r != nil && r.running() {
		return r.order.File, r.order.Keys, true, true
	}
	o, ok := a.recordingOrder()
	return o.File, o.Keys, false, ok
}
