use super::{bytes, is};

const CHECKSUM: [u8; 32] = {
    let mut checksum = [7; 32];
    checksum[0] = b'\\';
    checksum[1] = 0;
    checksum[2] = 255;
    checksum[3] = b'x';
    checksum
};

#[test]
fn a_checksum_is_read_in_both_forms_of_bytea() {
    let hex: String = CHECKSUM.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(bytes(&format!("\\x{hex}")), Some(CHECKSUM));
    assert_eq!(bytes(&format!("\\\\\\000\\377x{}", "\\007".repeat(28))), Some(CHECKSUM));
    assert_eq!(bytes(&"a".repeat(32)), Some([b'a'; 32]));
}

#[test]
fn a_checksum_is_compared_in_both_forms_of_bytea() {
    let other = [8; 32];
    for text in [
        CHECKSUM.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
        CHECKSUM.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02X}")),
        format!("\\\\\\000\\377x{}", "\\007".repeat(28)),
    ] {
        assert!(is(&text, &CHECKSUM) && !is(&text, &other), "{text}");
        assert!(!is(&format!("{text}00"), &CHECKSUM) && !is(text.get(..text.len() - 1).unwrap(), &CHECKSUM), "{text}");
    }
}

#[test]
fn what_is_no_checksum_is_none() {
    for text in ["", "\\x", "\\x0", "\\xzz", "\\", "\\1", "\\400", "ä"] {
        assert_eq!(bytes(text), None, "{text:?}");
        assert_eq!(bytes(&format!("{text}{}", "a".repeat(60))), None, "{text:?}");
    }
    assert_eq!(bytes(&"a".repeat(31)), None);
    assert_eq!(bytes(&"a".repeat(33)), None);
    assert_eq!(bytes(&format!("\\x{}", "0".repeat(66))), None);
}
