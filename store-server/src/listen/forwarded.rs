//! Who asks, where proxies stand between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Says whether the word of whoever has that address is believed.
pub(super) fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Returns the address of the client: the last one in `X-Forwarded-For` that is no trusted proxy's, as long as trusted
/// ones say so. What stands before that, or before what cannot be read, the client may have written itself.
pub(super) fn client(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().rev().map_while(|line| line.to_str().ok());
    let mut said = lines.flat_map(|line| line.rsplit(',')).map(str::trim);
    let mut address = peer.to_canonical();
    while is_trusted(trusted, address)
        && let Some(before) = said.next().and_then(read)
    {
        address = before;
    }
    address
}

/// Reads an address as proxies write it: alone, in brackets, or with a port.
fn read(text: &str) -> Option<IpAddr> {
    let alone = || text.parse().ok();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    let address: IpAddr = alone().or_else(in_brackets).or_else(with_port)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use test_case::test_case;

    use super::*;

    #[test_case("10.0.0.1", &[] => "10.0.0.1"; "a trusted proxy that says nothing")]
    #[test_case("10.0.0.1", &["1.2.3.4"] => "1.2.3.4"; "what a trusted proxy says")]
    #[test_case("9.9.9.9", &["1.2.3.4"] => "9.9.9.9"; "what nobody trusted says")]
    #[test_case("10.0.0.1", &["1.2.3.4, 10.0.0.2"] => "1.2.3.4"; "two proxies")]
    #[test_case("10.0.0.1", &["6.6.6.6", "1.2.3.4, 10.0.0.2"] => "1.2.3.4"; "what the client wrote itself")]
    #[test_case("10.0.0.1", &["6.6.6.6, nonsense"] => "10.0.0.1"; "nonsense")]
    #[test_case("10.0.0.1", &["6.6.6.6", "1.2.3.4, \u{fc}"] => "10.0.0.1"; "a line that is no text hides what stands before it")]
    #[test_case("10.0.0.1", &["\u{fc}", "1.2.3.4"] => "1.2.3.4"; "a line that is no text, of the client")]
    #[test_case("::ffff:10.0.0.1", &["1.2.3.4"] => "1.2.3.4"; "a proxy of IPv4 at a socket of IPv6")]
    #[test_case("10.0.0.1", &["1.2.3.4, ::ffff:10.0.0.2"] => "1.2.3.4"; "a proxy that writes it so")]
    #[test_case("10.0.0.1", &["::ffff:1.2.3.4"] => "1.2.3.4"; "a client of IPv4 written as of IPv6")]
    #[test_case("10.0.0.1", &["1.2.3.4:5678"] => "1.2.3.4"; "a port")]
    #[test_case("10.0.0.1", &["[2001:db8::1]:5678, 10.0.0.2:80"] => "2001:db8::1"; "a port of IPv6")]
    #[test_case("10.0.0.1", &["[2001:db8::1]"] => "2001:db8::1"; "brackets")]
    #[test_case("10.0.0.1", &["[1.2.3.4]"] => "10.0.0.1"; "brackets that nobody writes")]
    fn the_client_s_address_is(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        client(&trusted, peer.parse().unwrap(), &headers).to_string()
    }
}
