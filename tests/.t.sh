set -e
cd tests/e2e
export JIRO_CLIENT=/src/jiro-client/build/test/src/jiro-client JIRO_DEV_HUB=/src/jiro-client/build/test/src/dev_hub/jiro-dev-hub
python3 -B -W ignore -m unittest test_doctor.DoctorTlsTest
