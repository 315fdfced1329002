//! SHA-256, written to be fast without optimisation.
//!
//! A procedural macro is mostly built so, and ours takes the checksum of every migration at each build. There, crates that
//! are fast otherwise call a function for each instruction of the processor: `sha2` takes seven times as long as this,
//! which takes about the same with optimisation and without. It refuses to be more than what checksums of files need:
//! it is no place for secrets.

/// A digest under way.
#[derive(Clone, Debug)]
pub(crate) struct Sha256 {
    state: [u32; 8],
    /// What is no whole block yet.
    rest: [u8; BLOCK],
    /// How many bytes there have been.
    length: u64,
}

const BLOCK: usize = 64;

impl Sha256 {
    /// The digest of these bytes alone.
    pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
        let mut digest = Self::new();
        digest.update(bytes);
        digest.finish()
    }

    pub(crate) const fn new() -> Self {
        Self { state: STATE, rest: [0; BLOCK], length: 0 }
    }

    /// Takes more bytes.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        let held = self.held();
        self.length = self.length.wrapping_add(bytes.len() as u64);
        if held > 0 {
            let taken = bytes.len().min(BLOCK - held);
            self.rest[held..held + taken].copy_from_slice(&bytes[..taken]);
            if held + taken < BLOCK {
                return;
            }
            compress(&mut self.state, &self.rest);
            bytes = &bytes[taken..];
        }
        let (blocks, rest) = bytes.as_chunks();
        let mut at = 0;
        while at < blocks.len() {
            compress(&mut self.state, &blocks[at]);
            at += 1;
        }
        self.rest[..rest.len()].copy_from_slice(rest);
    }

    /// The digest of all bytes so far.
    pub(crate) fn finish(mut self) -> [u8; 32] {
        let held = self.held();
        self.rest[held] = 0x80;
        self.rest[held + 1..].fill(0);
        // The length has eight bytes, behind which there is nothing.
        if held + 1 > BLOCK - 8 {
            compress(&mut self.state, &self.rest);
            self.rest = [0; BLOCK];
        }
        self.rest[BLOCK - 8..].copy_from_slice(&self.length.wrapping_mul(8).to_be_bytes());
        compress(&mut self.state, &self.rest);
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        digest
    }

    /// How many bytes of `rest` count.
    const fn held(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }
}

/// The words of a block that begin at these bytes, the highest byte first.
macro_rules! words {
    ($block:ident, $($at:literal)+) => {
        [$(
            ($block[$at] as u32) << 24
                | ($block[const { $at + 1 }] as u32) << 16
                | ($block[const { $at + 2 }] as u32) << 8
                | $block[const { $at + 3 }] as u32
        ),+]
    };
}

/// A word beside itself, which holds all its rotations, each of them one shift away. Those that are summed are nested,
/// `(twice >> 3 ^ twice) >> 2` for rotations by 5 and by 2: that is fewer shifts of copies, and what comes in from above
/// stays above the 32 bits that count.
macro_rules! twice {
    ($word:expr) => {{
        let word = $word as u64;
        word << 32 | word
    }};
}

/// One round. There is no branch in it and no call, and no variable changes: so the values stay in registers even where
/// the compiler does not optimise. What an operator has on its left is overwritten and so is copied before, unless nobody
/// needs it any more: hence the order of operands. What is known first is added first, since each round waits for the one
/// before.
macro_rules! round {
    ($at:expr, $words:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        let twice = twice!($e);
        let sum = $h
            .wrapping_add(const { CONSTANTS[$at] })
            .wrapping_add($words[const { $at % 16 }])
            .wrapping_add(($f ^ $g) & $e ^ $g)
            // Rotations by 6, 11 and 25.
            .wrapping_add((((twice >> 14 ^ twice) >> 5 ^ twice) >> 6) as u32);
        let $d = $d.wrapping_add(sum);
        let twice = twice!($a);
        let $h = sum
            .wrapping_add(($a | $b) & $c | $a & $b)
            // Rotations by 2, 13 and 22.
            .wrapping_add((((twice >> 9 ^ twice) >> 11 ^ twice) >> 2) as u32);
    };
}

/// One round after the sixteenth, with a word that is made of earlier ones.
macro_rules! later_round {
    ($at:expr, $words:ident, $($name:ident)*) => {
        let (early, late) = ($words[const { ($at + 1) % 16 }], $words[const { ($at + 14) % 16 }]);
        let (twice_early, twice_late) = (twice!(early), twice!(late));
        $words[const { $at % 16 }] = $words[const { $at % 16 }]
            // Rotations by 7 and 18, and by 17 and 19.
            .wrapping_add(((twice_early >> 11 ^ twice_early) >> 7) as u32 ^ early >> 3)
            .wrapping_add($words[const { ($at + 9) % 16 }])
            .wrapping_add(((twice_late >> 2 ^ twice_late) >> 17) as u32 ^ late >> 10);
        round!($at, $words, $($name)*);
    };
}

/// Eight rounds. In each the values move on by one name, so that after them each has its own again.
macro_rules! eight {
    ($round:ident, $from:literal, $words:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        $round!($from, $words, $a $b $c $d $e $f $g $h);
        $round!($from + 1, $words, $h $a $b $c $d $e $f $g);
        $round!($from + 2, $words, $g $h $a $b $c $d $e $f);
        $round!($from + 3, $words, $f $g $h $a $b $c $d $e);
        $round!($from + 4, $words, $e $f $g $h $a $b $c $d);
        $round!($from + 5, $words, $d $e $f $g $h $a $b $c);
        $round!($from + 6, $words, $c $d $e $f $g $h $a $b);
        $round!($from + 7, $words, $b $c $d $e $f $g $h $a);
    };
}

/// Takes one block in: FIPS 180-4, section 6.2.2.
fn compress(state: &mut [u32; 8], block: &[u8; BLOCK]) {
    let mut words = words!(block, 0 4 8 12 16 20 24 28 32 36 40 44 48 52 56 60);
    let [a, b, c, d, e, f, g, h] = *state;
    eight!(round, 0, words, a b c d e f g h);
    eight!(round, 8, words, a b c d e f g h);
    eight!(later_round, 16, words, a b c d e f g h);
    eight!(later_round, 24, words, a b c d e f g h);
    eight!(later_round, 32, words, a b c d e f g h);
    eight!(later_round, 40, words, a b c d e f g h);
    eight!(later_round, 48, words, a b c d e f g h);
    eight!(later_round, 56, words, a b c d e f g h);
    *state = [
        state[0].wrapping_add(a),
        state[1].wrapping_add(b),
        state[2].wrapping_add(c),
        state[3].wrapping_add(d),
        state[4].wrapping_add(e),
        state[5].wrapping_add(f),
        state[6].wrapping_add(g),
        state[7].wrapping_add(h),
    ];
}

/// The first 32 bits of the fractional parts of the square roots of the first eight primes.
const STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
#[rustfmt::skip]
const CONSTANTS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::Digest;

    use super::Sha256;

    fn hex(digest: [u8; 32]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_examples_of_the_standard_come_out() {
        for (text, wanted) in [
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(hex(Sha256::digest(text.as_bytes())), wanted, "{text}");
        }
        let million = "a".repeat(1_000_000);
        let wanted = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(hex(Sha256::digest(million.as_bytes())), wanted);
    }

    #[test]
    fn every_length_of_some_blocks_is_padded_as_it_should_be() {
        let bytes: Vec<u8> = (0..=255).cycle().take(320).collect();
        for length in 0..bytes.len() {
            let bytes = &bytes[..length];
            assert_eq!(Sha256::digest(bytes), <[u8; 32]>::from(sha2::Sha256::digest(bytes)), "{length}");
        }
    }

    proptest! {
        #[test]
        fn in_parts_or_whole_it_is_what_another_implementation_says(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6),
        ) {
            let whole = parts.concat();
            let mut digest = Sha256::new();
            parts.iter().for_each(|part| digest.update(part));
            let wanted: [u8; 32] = sha2::Sha256::digest(&whole).into();
            prop_assert_eq!(digest.finish(), wanted);
            prop_assert_eq!(Sha256::digest(&whole), wanted);
        }
    }
}
