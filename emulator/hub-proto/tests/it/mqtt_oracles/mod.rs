//! Codecs that we did not write, as judges of ours: in both directions over whatever is well formed, and
//! side by side over what is not.

mod agreement;
mod rmqtt;
mod rumqttc;
