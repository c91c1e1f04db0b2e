//! The resolver and the network of a running agent in a process that can open nothing. It is alone in its
//! binary: the limit is the process'.

use postroad_mta::outbound::dns::{DnsError, Hickory, Resolver as _};
use postroad_mta::outbound::network::{Network as _, Os, Place};
use postroad_net::listen::is_out_of_resources;
use postroad_testkit::dns::Dns;
use postroad_testkit::dns::scripted::{Record, Reply};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[tokio::test]
async fn f08_a_process_without_descriptors_knows_that_it_is_its_own_fault() {
    let server = Dns::scripted(|_| Reply::Records(vec![Record::mx(10, "one.example")])).await;
    let server = server.unwrap();
    let servers = vec![server.address];
    let settings = postroad_config::Dns { servers, ..postroad_config::Dns::default() };
    let resolver = Hickory::new(&settings).unwrap();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
    let asked = resolver.mx("third.example").await;
    let connected = Os.connect(&Place::Tcp(server.address), None).await;
    setrlimit(Resource::Nofile, before).unwrap();
    let Err(DnsError::Shortage(words)) = asked else { panic!("{asked:?}") };
    assert!(words.contains("Too many open files"), "{words}");
    assert!(is_out_of_resources(&connected.unwrap_err()));
    // Nothing of it is remembered.
    assert_eq!(resolver.mx("third.example").await.unwrap().len(), 1);
}
