//go:build race

package gdoi_test

const raceEnabled = true
