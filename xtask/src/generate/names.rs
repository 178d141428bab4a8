//! From the models' names to Rust's.

/// `StreamARN` → `stream_arn`; Rust's keywords become raw.
pub(super) fn field(name: &str) -> String {
    let name = words(name).join("_").to_lowercase();
    if matches!(name.as_str(), "type" | "match" | "enum" | "in" | "use" | "move") { format!("r#{name}") } else { name }
}

/// `KMSOptInRequired` → `KMS_OPT_IN_REQUIRED`.
pub(super) fn constant(name: &str) -> String {
    words(name).join("_").to_uppercase()
}

/// `AT_TIMESTAMP` → `AtTimestamp`, `IncomingBytes` → `IncomingBytes`.
pub(super) fn variant(word: &str) -> String {
    let mut name = String::new();
    for word in words(word) {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_uppercase());
        name.push_str(&rest.to_lowercase());
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("V{name}") } else { name }
}

/// Cuts at case changes and at what can't be part of a name; abbreviations stay whole, `KiB` and plurals too.
fn words(name: &str) -> Vec<String> {
    let name = name.replace("KiB", "Kib").replace("MiB", "Mib").replace("ARNs", "Arns").replace("IDs", "Ids");
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let new_word = letter.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit())
                || letters.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if !letter.is_ascii_alphanumeric() || new_word {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(*letter);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_stay_whole() {
        assert_eq!(field("StreamARN"), "stream_arn");
        assert_eq!(field("KMSMasterKeyID"), "kms_master_key_id");
        assert_eq!(field("MaxRecordSizeInKiB"), "max_record_size_in_kib");
        assert_eq!(field("S3BucketOwner"), "s3_bucket_owner");
        assert_eq!(field("eventID"), "event_id");
        assert_eq!(field("Type"), "r#type");
        assert_eq!(constant("KMSOptInRequired"), "KMS_OPT_IN_REQUIRED");
        assert_eq!(variant("AT_TIMESTAMP"), "AtTimestamp");
        assert_eq!(variant("IncomingBytes"), "IncomingBytes");
    }
}
