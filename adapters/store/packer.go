package store

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// packer compresses chunks of evidence, each as one zstd frame. It is safe for
// concurrent use.
type packer struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newPacker() (packer, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(chunkBytes),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false)) // encryption authenticates what is packed
	if err != nil {
		return packer{}, fmt.Errorf("compressor: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(chunkBytes), zstd.WithDecoderLowmem(true))
	if err != nil {
		return packer{}, fmt.Errorf("decompressor: %w", err)
	}
	return packer{encoder, decoder}, nil
}

// pack compresses at most chunkBytes.
func (p packer) pack(plain []byte) []byte {
	return p.encoder.EncodeAll(plain, make([]byte, 0, len(plain)/4+64))
}

// unpack appends what packed holds to plain; more than chunkBytes is an error.
func (p packer) unpack(packed, plain []byte) ([]byte, error) {
	return p.decoder.DecodeAll(packed, plain)
}

// close ends the decoder's background work.
func (p packer) close() error {
	p.decoder.Close()
	return p.encoder.Close()
}
