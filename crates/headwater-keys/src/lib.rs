//! The local key store behind server-side encryption: the names of the operator's keys, their states, and the data keys
//! that one master key wraps.
//!
//! Invariant: key material leaves this room in no form but wrapped; it is wiped from memory when it is dropped and is
//! part of no `Debug` output. Pure: the master key and chance are handed in.
mod data_key;
mod errors;
mod opened;

use aes_gcm::{Aes256Gcm, KeyInit};
use data_key::KEY_BYTES;
pub use data_key::{DataKey, OVERHEAD_BYTES, WrappedKey, generation};
use headwater_log::LogGroup;
use headwater_wire::{Caller, Nonces, ServiceError, partition};
use md5::{Digest, Md5};
pub use opened::OpenedKeys;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};
use zeroize::Zeroizing;

/// The alias of the key that every account has in every region without asking for it.
pub const MANAGED_ALIAS: &str = "alias/aws/kinesis";
/// What the key is made of that is the service's own and has no name by which a caller could mean it.
const OWNED: &str = "owned";

/// The key that wraps all data keys.
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// The key in `text`: base64 of 32 bytes, blanks around it allowed; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(base64_simd::STANDARD.decode_to_vec(text.trim()).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").finish_non_exhaustive()
    }
}

/// What may be done with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyState {
    /// Everything.
    Enabled,
    /// Nothing, until it is enabled again.
    Disabled,
    /// Nothing: it is about to be gone.
    PendingDeletion,
}

/// A key as the operator declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KmsKey {
    /// Whose key it is: twelve digits.
    pub account: String,
    /// Where it is.
    pub region: String,
    /// Its id, by custom a UUID.
    pub id: String,
    /// Other names of it, each beginning with `alias/`.
    pub aliases: Vec<String>,
    /// What may be done with it.
    pub state: KeyState,
}

/// All keys, and the master key.
pub struct KeyStore {
    master: Aes256Gcm,
    /// By ARN.
    states: BTreeMap<String, KeyState>,
    /// Key ARNs by alias ARN.
    aliases: BTreeMap<String, String>,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { master: _, states, aliases } = self;
        f.debug_struct("KeyStore").field("states", states).field("aliases", aliases).finish_non_exhaustive()
    }
}

impl KeyStore {
    /// The store of the declared `keys`.
    ///
    /// # Errors
    /// A sentence for the operator: a name stands there twice, or is none.
    pub fn new(master: &MasterKey, keys: Vec<KmsKey>) -> Result<Self, String> {
        let (mut states, mut aliases) = (BTreeMap::new(), BTreeMap::new());
        for KmsKey { account, region, id, aliases: names, state } in keys {
            if id.is_empty() || id.contains(['/', ':']) {
                return Err(format!("key id '{id}' must not be empty nor contain slashes or colons"));
            }
            let key_arn = arn(&region, &account, &format!("key/{id}"));
            if states.insert(key_arn.clone(), state).is_some() {
                return Err(format!("key {key_arn} stands there twice"));
            }
            for name in names {
                if name.strip_prefix("alias/").is_none_or(|rest| rest.is_empty() || rest.contains(':')) {
                    return Err(format!("alias '{name}' of key {key_arn} must be alias/ and a name"));
                }
                match aliases.entry(arn(&region, &account, &name)) {
                    Entry::Occupied(taken) => return Err(format!("alias {} stands there twice", taken.key())),
                    Entry::Vacant(free) => free.insert(key_arn.clone()),
                };
            }
        }
        Ok(Self { master: Aes256Gcm::new(&(*master.0).into()), states, aliases })
    }

    /// The ARN of the key that `name` – an id, a key's ARN, an alias or an alias' ARN – means to `caller`, whose own ARN
    /// is `user_arn`; a key that may be used.
    ///
    /// # Errors
    /// The key service's: there is none, it is another account's, or its state forbids its use.
    pub fn find(&self, caller: &Caller, user_arn: &str, name: &str) -> Result<String, ServiceError> {
        let resource = if name.starts_with("arn:") {
            let parts: Vec<&str> = name.splitn(6, ':').collect();
            let [_, named_partition, "kms", region, account, resource] = parts[..] else {
                return Err(errors::malformed(name));
            };
            if region != &*caller.region || named_partition != partition(region) {
                return Err(errors::other_region(region));
            }
            if account != &*caller.account {
                return Err(errors::not_authorized(user_arn, name));
            }
            resource.to_owned()
        } else if name.starts_with("alias/") {
            name.to_owned()
        } else {
            format!("key/{name}")
        };
        let named = arn(&caller.region, &caller.account, &resource);
        let key_arn = if resource.starts_with("alias/") {
            match self.aliases.get(&named) {
                Some(key_arn) => key_arn.clone(),
                None if resource == MANAGED_ALIAS => made_arn(MANAGED_ALIAS, &caller.region, &caller.account),
                None => return Err(errors::no_alias(&named)),
            }
        } else if resource.strip_prefix("key/").is_some_and(|id| !id.is_empty() && !id.contains(['/', ':'])) {
            named
        } else {
            return Err(errors::malformed(name));
        };
        self.check(&key_arn).map(|()| key_arn)
    }

    /// The ARN of the service's own key for what is the caller's; it may always be used.
    #[must_use]
    pub fn owned(&self, caller: &Caller) -> String {
        made_arn(OWNED, &caller.region, &caller.account)
    }

    /// Whether the key may be used now.
    ///
    /// # Errors
    /// The key service's: the key is gone, or its state forbids its use.
    pub fn check(&self, key_arn: &str) -> Result<(), ServiceError> {
        match self.states.get(key_arn) {
            Some(KeyState::Enabled) => Ok(()),
            Some(KeyState::Disabled) => Err(errors::disabled(key_arn)),
            Some(KeyState::PendingDeletion) => Err(errors::pending_deletion(key_arn)),
            None if is_made(key_arn) => Ok(()),
            None => Err(errors::no_key(key_arn)),
        }
    }

    /// A new data key of `stream`, its `generation`-th, under a key that [`Self::find`] gave; drawn from `entropy`.
    #[must_use]
    pub fn create(&self, key_arn: &str, stream: LogGroup, generation: u32, entropy: &dyn Fn() -> u128) -> WrappedKey {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let (low, high) = key.split_at_mut(KEY_BYTES / 2);
        low.copy_from_slice(&entropy().to_le_bytes());
        high.copy_from_slice(&entropy().to_le_bytes());
        // One nonce of a counter of its own is a random nonce; data keys are made rarely enough for those.
        let nonce = Nonces::new(entropy()).next();
        WrappedKey::wrap(&self.master, (key_arn, generation), stream, &key, nonce)
    }

    /// The data key in `wrapped`, ready for use; `chance` must be drawn anew for each call.
    ///
    /// # Errors
    /// The key service's: the key may not be used now, or the master key is another than it was wrapped with.
    pub fn open(&self, wrapped: &WrappedKey, stream: LogGroup, chance: u128) -> Result<DataKey, ServiceError> {
        self.check(&wrapped.key_arn)?;
        let key = wrapped.unwrap(&self.master, stream).ok_or_else(errors::foreign_ciphertext)?;
        Ok(DataKey::new(wrapped.generation, &key, chance))
    }
}

fn arn(region: &str, account: &str, resource: &str) -> String {
    format!("arn:{}:kms:{region}:{account}:{resource}", partition(region))
}

/// A key that is always there: its id follows from where it is and what for, so that nothing has to be remembered.
fn made_arn(purpose: &str, region: &str, account: &str) -> String {
    let [a, b, c, d] = Md5::digest(format!("{purpose} {region} {account}"))
        .chunks_exact(4)
        .map(|chunk| chunk.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap_or_default();
    arn(region, account, &format!("key/{a}-{}-{}-{}-{}{d}", &b[..4], &b[4..], &c[..4], &c[4..]))
}

fn is_made(key_arn: &str) -> bool {
    let mut parts = key_arn.split(':').skip(3);
    let place = parts.next().zip(parts.next());
    place.is_some_and(|(region, account)| {
        [MANAGED_ALIAS, OWNED].iter().any(|purpose| made_arn(purpose, region, account) == key_arn)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::LogId;
    use std::cell::Cell;

    const STREAM: LogGroup = LogGroup(77);
    const USER: &str = "arn:aws:iam::123456789012:user/ann";

    fn master(byte: u8) -> MasterKey {
        MasterKey::parse(&base64_simd::STANDARD.encode_to_string([byte; KEY_BYTES])).unwrap()
    }

    fn key(id: &str, aliases: &[&str], state: KeyState) -> KmsKey {
        let aliases = aliases.iter().map(|&name| name.into()).collect();
        KmsKey { account: "123456789012".into(), region: "us-east-1".into(), id: id.into(), aliases, state }
    }

    fn store(byte: u8) -> KeyStore {
        let keys = vec![
            key("on", &["alias/main", "alias/team/main"], KeyState::Enabled),
            key("off", &["alias/off"], KeyState::Disabled),
            key("dying", &[], KeyState::PendingDeletion),
        ];
        KeyStore::new(&master(byte), keys).unwrap()
    }

    fn find(name: &str) -> Result<String, (&'static str, String)> {
        let caller = Caller::root("123456789012", "us-east-1", "k");
        store(1).find(&caller, USER, name).map_err(|error| (error.code, error.message.unwrap()))
    }

    fn entropy() -> impl Fn() -> u128 {
        let count = Cell::new(1 << 90);
        move || count.replace(count.get() * 3 + 1)
    }

    #[test]
    fn a_key_is_found_by_any_of_its_names() {
        let arn = "arn:aws:kms:us-east-1:123456789012:key/on";
        for name in ["on", arn, "alias/main", "alias/team/main", "arn:aws:kms:us-east-1:123456789012:alias/main"] {
            assert_eq!(find(name).as_deref(), Ok(arn), "{name}");
        }
    }

    #[test]
    fn every_account_has_a_managed_key_in_every_region() {
        let managed = find(MANAGED_ALIAS).unwrap();
        let id = managed.strip_prefix("arn:aws:kms:us-east-1:123456789012:key/").unwrap();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(find(id).as_deref(), Ok(managed.as_str()));
        assert_eq!(find(&managed).as_deref(), Ok(managed.as_str()));
        let managed = |region, account| made_arn(MANAGED_ALIAS, region, account);
        assert_ne!(managed("cn-north-1", "123456789012"), managed("us-east-1", "000000000000"));
        assert!(managed("cn-north-1", "123456789012").starts_with("arn:aws-cn:kms:"));
    }

    #[test]
    fn the_services_own_key_is_another_for_each_account_and_may_always_be_used() {
        let [ours, theirs] = ["123456789012", "000000000000"].map(|account| {
            let owned = store(1).owned(&Caller::root(account, "us-east-1", "k"));
            assert_eq!(store(1).check(&owned), Ok(()));
            owned
        });
        assert_ne!(ours, theirs);
        assert_ne!(Ok(ours), find(MANAGED_ALIAS));
    }

    #[test]
    fn what_cannot_be_used_is_refused_in_the_key_services_words() {
        let arn = |resource: &str| format!("arn:aws:kms:us-east-1:123456789012:{resource}");
        for (name, code, message) in [
            ("off", "KMSDisabledException", format!("{} is disabled.", arn("key/off"))),
            ("alias/off", "KMSDisabledException", format!("{} is disabled.", arn("key/off"))),
            ("dying", "KMSInvalidStateException", format!("{} is pending deletion.", arn("key/dying"))),
            ("gone", "KMSNotFoundException", format!("Key '{}' does not exist", arn("key/gone"))),
            ("alias/gone", "KMSNotFoundException", format!("Alias {} is not found.", arn("alias/gone"))),
            ("alias/aws/s3", "KMSNotFoundException", format!("Alias {} is not found.", arn("alias/aws/s3"))),
            ("", "KMSNotFoundException", "Invalid keyId ''".into()),
            ("a/b", "KMSNotFoundException", "Invalid keyId 'a/b'".into()),
            ("arn:aws:kms", "KMSNotFoundException", "Invalid keyId 'arn:aws:kms'".into()),
            ("arn:aws:kms:eu-west-1:123456789012:key/on", "KMSNotFoundException", "Invalid arn eu-west-1".into()),
        ] {
            assert_eq!(find(name), Err((code, message)), "{name}");
        }
        let (code, message) = find("arn:aws:kms:us-east-1:000000000000:key/on").unwrap_err();
        assert_eq!(code, "KMSAccessDeniedException");
        assert!(message.starts_with(&format!("User: {USER} is not authorized to perform: kms:GenerateDataKey on")));
    }

    #[test]
    fn a_data_key_outlives_a_restart_and_each_is_another() {
        let (store, entropy) = (store(1), entropy());
        let [first, second] = [1, 2].map(|generation| {
            let key_arn = "arn:aws:kms:us-east-1:123456789012:key/on";
            store.create(key_arn, STREAM, generation, &entropy)
        });
        let log = LogId::new(STREAM, 0);
        let sealed = store.open(&first, STREAM, entropy()).unwrap().encrypt(log, b"plain");
        assert_eq!(generation(&sealed), Some(1));
        let kept: WrappedKey = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
        let again = self::store(1).open(&kept, STREAM, entropy()).unwrap();
        assert_eq!(again.decrypt(log, &sealed).as_deref(), Some(&b"plain"[..]));
        assert_eq!(store.open(&second, STREAM, entropy()).unwrap().decrypt(log, &sealed), None);
    }

    #[test]
    fn a_wrapped_key_opens_for_its_stream_generation_and_key_under_its_master_key_alone() {
        let (store, entropy) = (store(1), entropy());
        let wrapped = store.create(&find(MANAGED_ALIAS).unwrap(), STREAM, 1, &entropy);
        let code = |store: &KeyStore, wrapped: &WrappedKey, stream| {
            store.open(wrapped, stream, entropy()).err().map(|error| error.code)
        };
        assert_eq!(code(&store, &wrapped, STREAM), None);
        let denied = Some("KMSAccessDeniedException");
        assert_eq!(code(&self::store(2), &wrapped, STREAM), denied);
        assert_eq!(code(&store, &wrapped, LogGroup(78)), denied);
        let changed = |change: fn(&mut WrappedKey)| {
            let mut wrapped = wrapped.clone();
            change(&mut wrapped);
            wrapped
        };
        assert_eq!(code(&store, &changed(|wrapped| wrapped.generation = 2), STREAM), denied);
        assert_eq!(code(&store, &changed(|wrapped| wrapped.key_arn = find("on").unwrap()), STREAM), denied);
        let off = changed(|wrapped| wrapped.key_arn = "arn:aws:kms:us-east-1:123456789012:key/off".into());
        assert_eq!(code(&store, &off, STREAM), Some("KMSDisabledException"));
    }

    #[test]
    fn a_master_key_is_base64_of_32_bytes() {
        let text = base64_simd::STANDARD.encode_to_string([9; 32]);
        assert!(MasterKey::parse(&format!(" {text}\n")).is_some());
        for bad in ["", "AAAA", &text[1..], &base64_simd::STANDARD.encode_to_string([9; 33])] {
            assert!(MasterKey::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn no_key_material_is_printed() {
        let store = store(0xab);
        let wrapped = store.create("arn:aws:kms:us-east-1:123456789012:key/on", STREAM, 1, &entropy());
        let opened = store.open(&wrapped, STREAM, 1).unwrap();
        let printed = format!("{:?} {store:?} {wrapped:?} {opened:?}", master(0xab));
        assert!(
            !printed.contains("171") && !printed.to_lowercase().contains("abab") && !printed.contains('['),
            "{printed}"
        );
    }

    #[test]
    fn names_that_stand_there_twice_or_are_none_are_refused() {
        let refused = |keys: Vec<KmsKey>| KeyStore::new(&master(1), keys).unwrap_err();
        let on = |id: &str, aliases: &[&str]| key(id, aliases, KeyState::Enabled);
        assert!(refused(vec![on("a", &[]), on("a", &[])]).contains("twice"));
        assert!(refused(vec![on("a", &["alias/x"]), on("b", &["alias/x"])]).contains("twice"));
        assert!(refused(vec![on("a", &["x"])]).contains("alias/"));
        assert!(refused(vec![on("a/b", &[])]).contains("slashes"));
    }
}
